"""Answers to waitpoints: coerced like inputs, every misfit named."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.answers import prepare_answer
from flowray.errors import DefinitionError, InputError


@pytest.mark.parametrize(
    ("schema", "given", "answer"),
    [
        (None, {"any": [1]}, {"any": [1]}),
        ({"type": "number"}, "42", 42),
        ({"type": "number"}, 0, 0),
        ({"type": "boolean"}, "0", False),
        ({"type": "boolean"}, "true", True),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
        ({"type": ["string", "null"]}, None, None),
        ({"type": "string"}, "42", "42"),
        ({"type": "object", "properties": {"n": {"type": "integer"}, "t": True}}, {"n": "5", "t": "5", "u": "5"},
         {"n": 5, "t": "5", "u": "5"}),
    ],
)  # fmt: skip
def test_text_becomes_what_is_asked_for(schema: Any, given: Any, answer: Any) -> None:
    assert prepare_answer(schema, given) == answer


def test_every_misfit_is_named() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n", "m"]}
    with pytest.raises(InputError) as caught:
        prepare_answer(schema, {"n": "abc"})
    assert sorted(error["pointer"] for error in caught.value.details["errors"]) == ["/m", "/n"]
    assert caught.value.code == "INVALID_INPUT"


def test_what_would_be_read_back_as_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="reserved"):
        prepare_answer(None, {"$flowray": "stored"})


def test_a_schema_that_is_none_is_the_authors_mistake() -> None:
    with pytest.raises(DefinitionError, match="what is asked for"):
        prepare_answer({"type": "sometimes"}, 1)
    with pytest.raises(DefinitionError):
        prepare_answer({"$ref": "http://example.com/remote.json"}, 1)
