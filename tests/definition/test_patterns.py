"""JSON Schema's patterns, found or given up."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema.exceptions import SchemaError

from flowray.definition.patterns import SchemaValidator, check_no_unbounded_search, is_found
from flowray.errors import ErrorCode, FlowrayError


def test_patterns_are_javascripts() -> None:
    assert is_found("b+", "abbc")
    assert not is_found("^b+$", "abbc")
    assert is_found(r"^\p{Lu}.$", "É😀")
    assert is_found(r"^a\-b$", "a-b"), "not a pattern with the flag u, but one without"


def test_what_is_no_pattern_is_an_error_of_the_schema() -> None:
    with pytest.raises(SchemaError, match="is not a pattern"):
        is_found("(", "a")


def test_a_search_without_end_is_given_up() -> None:
    with pytest.raises(FlowrayError) as caught:
        is_found("^(a|a)+$", "a" * 60 + "!")
    assert caught.value.code is ErrorCode.EXPRESSION_TIMEOUT


def test_additional_properties_are_those_that_neither_a_name_nor_a_pattern_knows() -> None:
    schema = {"properties": {"a": {}}, "patternProperties": {"^n_": {}}, "additionalProperties": {"type": "string"}}
    errors = SchemaValidator(schema).iter_errors({"a": 1, "n_b": 2, "c": 3, "d": "text"})
    assert [error.message for error in errors] == ["3 is not of type 'string'"]


def test_other_ways_to_a_search_are_refused() -> None:
    check_no_unbounded_search({"$schema": "https://json-schema.org/draft/2020-12/schema", "patternProperties": {}})
    refused: tuple[dict[str, Any], ...] = (
        {"items": [{"$schema": "x"}]},
        {"allOf": [{"patternProperties": {}}], "unevaluatedProperties": {}},
    )
    for schema in refused:
        with pytest.raises(SchemaError, match="not supported"):
            check_no_unbounded_search(schema)
