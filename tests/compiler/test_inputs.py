"""Declared inputs of a plan."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compiler.workflows import codes, compile_text, plan_of


def test_required_inputs_and_defaults_come_from_input_nodes_that_run() -> None:
    configs = {
        "a": {"inputName": "x", "required": True},
        "b": {"inputName": "y", "required": True, "defaultValue": 3},
        "c": {"inputName": "z"},
    }
    plan = plan_of("a:input b:input c:input", "", configs)
    assert plan.required_inputs == ("x",)
    assert plan.input_defaults == {"y": 3}


def test_a_schema_that_is_none_is_an_error_with_its_place() -> None:
    result = compile_text("a:input", "", inputs={"type": "object", "properties": {"x": {"type": "nonsense"}}})
    assert codes(result, "error") == [("INVALID_INPUT_SCHEMA", None)]
    assert result.diagnostics[0].pointer == "/inputs/properties/x/type"
    assert plan_of("a:input", "", inputs={"type": "object"}).input_schema == {"type": "object"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"x": {"$schema": "http://json-schema.org/draft-07/schema#"}}},
        {"patternProperties": {"^a": {}}, "unevaluatedProperties": False},
    ],
)
def test_a_schema_that_could_never_be_used_is_an_error_with_a_hint(schema: dict[str, Any]) -> None:
    result = compile_text("a:input", "", inputs=schema)
    assert codes(result, "error") == [("INVALID_INPUT_SCHEMA", None)]
    assert result.diagnostics[0].pointer == "/inputs"
    assert result.diagnostics[0].hint
