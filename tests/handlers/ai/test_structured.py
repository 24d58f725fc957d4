"""JSON answers: plain, fenced, none, and not what the schema says."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.ai.structured import first_object, json_answer, schema_of

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize(
    "text", ['{"n": 1}', '```json\n{"n": 1}\n```', 'Here it is:\n```\n{\n"n": 1}\n```\n', ' \n{"n":1} ']
)
def test_json_is_read_in_a_fence_or_not(text: str) -> None:
    assert json_answer(text, SCHEMA) == {"n": 1}


def test_text_that_is_none_may_be_better_next_time() -> None:
    with pytest.raises(FlowrayError) as caught:
        json_answer("Sure! {n: 1}", None)
    assert (caught.value.code, caught.value.retryable) == ("NODE_FAILED", True)
    assert caught.value.details["answer"] == "Sure! {n: 1}"


def test_misfits_are_listed_by_pointer() -> None:
    with pytest.raises(FlowrayError) as caught:
        json_answer('{"n": "one"}', SCHEMA)
    assert caught.value.message == "the model's answer does not fit its schema: /n: 'one' is not of type 'integer'"
    assert (caught.value.code, caught.value.retryable) == ("NODE_FAILED", True)
    with pytest.raises(FlowrayError) as caught:
        json_answer("{}", SCHEMA)
    assert caught.value.details["errors"] == [{"pointer": "/n", "message": "the property 'n' is missing"}]


def test_a_schema_that_is_none_is_the_authors_fault() -> None:
    with pytest.raises(FlowrayError) as caught:
        json_answer("{}", {"type": "thing"})
    assert (caught.value.code, caught.value.retryable) == ("INVALID_NODE_CONFIG", False)


def test_the_schema_in_a_response_format() -> None:
    assert schema_of({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}) == SCHEMA
    assert schema_of({"type": "json_object"}) is None
    assert schema_of(None) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Sure:\n```json\n{"a": {"b": 2}}\n``` done', {"a": {"b": 2}}),
        ('{broken {"a": 1}', {"a": 1}),
        ("[1, 2]", None),
        ("no braces", None),
    ],
)
def test_the_first_object_of_a_text(text: str, found: object) -> None:
    assert first_object(text) == found
