"""R57: inputs are coerced, filled in and checked before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.inputs import DeclaredInput, InputContract, input_contract, prepare_inputs
from flowray.definition.loading import load_definition
from flowray.errors import DefinitionError, ErrorCode, FlowrayError, InputError


def contract(*declared: DeclaredInput, **schema: Any) -> InputContract:
    return InputContract(declared, schema or None)


def misfits(contract: InputContract, inputs: dict[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(InputError) as caught:
        prepare_inputs(contract, inputs)
    assert caught.value.code is ErrorCode.INVALID_INPUT
    found: list[dict[str, str]] = caught.value.details["errors"]
    return found


def test_the_contract_comes_from_input_nodes_and_schema() -> None:
    definition = load_definition(
        {
            "schemaVersion": 1,
            "nodes": {
                "a": {"type": "input", "config": {"inputName": "n", "inputType": "number", "required": True}},
                "b": {"type": "input", "config": {"inputVariable": "m", "default_value": 3}},
                "c": {"type": "input", "config": {}},
                "d": {"type": "transform", "config": {"inputName": "not me"}},
                "e": {"type": "input", "config": {"inputName": "unreachable", "required": True}},
            },
            "inputs": {"type": "object"},
        }
    ).require()
    found = input_contract(definition, {"a", "b", "c", "d"})
    assert found.declared == (DeclaredInput("n", "number", True), DeclaredInput("m", "text", False, 3))
    assert found.schema == {"type": "object"}
    assert [entry.name for entry in input_contract(definition).declared] == ["n", "m", "unreachable"]


def test_undeclared_inputs_are_kept_and_the_given_object_is_not_changed() -> None:
    given = {"x": [1], "n": "5"}
    assert prepare_inputs(contract(DeclaredInput("n", "number")), given) == {"x": [1], "n": 5}
    assert given == {"x": [1], "n": "5"}


def test_null_does_not_override_a_default() -> None:
    assert prepare_inputs(contract(DeclaredInput("n", default=7)), {"n": None}) == {"n": 7}
    by_schema = contract(properties={"n": {"type": "integer", "default": 8}})
    assert prepare_inputs(by_schema, {"n": None}) == {"n": 8}
    assert prepare_inputs(by_schema, {}) == {"n": 8}
    assert prepare_inputs(by_schema, {"n": 0}) == {"n": 0}


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("number", "5", 5), ("number", " -1.5e2 ", -150.0), ("number", "5 apples", "5 apples"), ("number", "", ""),
        ("number", "true", "true"), ("number", "Infinity", "Infinity"),
        ("boolean", "True", True), ("boolean", "0", False), ("boolean", "yes", "yes"),
        ("json", '{"a":1}', {"a": 1}), ("json", "[1", "[1"), ("json", "5", "5"), ("array", "[1]", [1]),
        ("object", "[1]", "[1]"), ("text", "5", "5"),
    ],
)  # fmt: skip
def test_text_becomes_what_an_input_node_declares(type_: str, text: str, value: Any) -> None:
    assert prepare_inputs(contract(DeclaredInput("x", type_)), {"x": text}) == {"x": value}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer"}, "5", 5), ({"type": ["number", "null"]}, "1.5", 1.5),
        ({"type": "boolean"}, "false", False),
        ({"type": "array"}, "[1,2]", [1, 2]), ({"type": ["string", "number"]}, "5", "5"), ({}, "5", "5"),
    ],
)  # fmt: skip
def test_text_becomes_what_the_schema_declares(schema: dict[str, Any], text: str, value: Any) -> None:
    assert prepare_inputs(contract(properties={"x": schema}), {"x": text}) == {"x": value}


def test_an_integer_is_not_made_of_a_fraction() -> None:
    assert misfits(contract(properties={"x": {"type": "integer"}}), {"x": "1.5"}) == [
        {"pointer": "/x", "message": "'1.5' is not of type 'integer'"}
    ]


def test_every_misfit_is_named_by_its_pointer() -> None:
    demanding = contract(
        DeclaredInput("name", required=True),
        type="object",
        required=["name", "age"],
        properties={"tags": {"type": "array", "items": {"type": "string"}}, "a/b": {"type": "number"}},
    )
    assert misfits(demanding, {"tags": ["x", 3], "a/b": "many", "name": None}) == [
        {"pointer": "/name", "message": "the required input 'name' is missing"},
        {"pointer": "/age", "message": "the required input 'age' is missing"},
        {"pointer": "/tags/1", "message": "3 is not of type 'string'"},
        {"pointer": "/a~1b", "message": "'many' is not of type 'number'"},
    ]


def test_a_required_input_missing_for_both_is_reported_once() -> None:
    both = contract(DeclaredInput("n", required=True), type="object", required=["n"])
    assert misfits(both, {}) == [{"pointer": "/n", "message": "the required input 'n' is missing"}]


def test_a_default_satisfies_required() -> None:
    assert prepare_inputs(contract(DeclaredInput("n", required=True, default="x")), {}) == {"n": "x"}


def test_missing_members_deeper_down_have_their_own_pointer() -> None:
    nested = contract(properties={"user": {"type": "object", "required": ["id"]}})
    assert misfits(nested, {"user": {}}) == [{"pointer": "/user/id", "message": "the required input 'id' is missing"}]


def test_formats_are_checked_only_where_that_is_cheap() -> None:
    mails = contract(properties={"mail": {"format": "email"}, "when": {"format": "date-time"}})
    assert misfits(mails, {"mail": "nobody", "when": "whenever"}) == [
        {"pointer": "/mail", "message": "'nobody' is not a 'email'"}
    ]


def test_a_schema_that_refers_to_the_network_is_refused_and_not_fetched() -> None:
    with pytest.raises(DefinitionError) as caught:
        prepare_inputs(contract(**{"$ref": "http://127.0.0.1:9/schema.json"}), {})
    assert caught.value.code is ErrorCode.INVALID_DEFINITION


def test_many_misfits_are_cut_off() -> None:
    numbers = contract(properties={"xs": {"items": {"type": "number"}}})
    assert len(misfits(numbers, {"xs": ["x"] * 500})) == 100


def test_a_schema_that_refers_to_itself_is_refused_and_not_followed_for_ever() -> None:
    with pytest.raises(DefinitionError, match="it refers to itself"):
        prepare_inputs(contract(**{"$ref": "#"}), {"a": 1})


SLOW = "^(a+)+$"


@pytest.mark.parametrize(
    ("schema", "inputs"),
    [
        ({"properties": {"x": {"type": "string", "pattern": SLOW}}}, {"x": "a" * 60 + "!"}),
        ({"patternProperties": {SLOW: {}}}, {"a" * 60 + "!": 1}),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": False}, {"a" * 60 + "!": 1}),
    ],
)
def test_a_pattern_that_would_never_end_is_stopped(schema: dict[str, Any], inputs: dict[str, Any]) -> None:
    """R27: no author's regular expression holds up the process that checks inputs."""
    with pytest.raises(FlowrayError) as caught:
        prepare_inputs(contract(**schema), inputs)
    assert caught.value.code is ErrorCode.EXPRESSION_TIMEOUT
    assert caught.value.hint


def test_patterns_are_those_of_the_specification() -> None:
    """JSON Schema's patterns are JavaScript's: letters by code point, searched anywhere."""
    schema = contract(
        properties={"x": {"pattern": "^[A-ZÉ].$"}, "y": {"pattern": "b"}},
        patternProperties={"^n_": {"type": "integer"}},
        additionalProperties=False,
    )
    assert prepare_inputs(schema, {"x": "É😀", "y": "abc", "n_a": 1}) == {"x": "É😀", "y": "abc", "n_a": 1}
    assert misfits(schema, {"x": "é", "n_a": "one", "z": 1}) == [
        {"pointer": "/x", "message": "'é' does not match '^[A-ZÉ].$'"},
        {"pointer": "/n_a", "message": "'one' is not of type 'integer'"},
        {"pointer": "", "message": "Additional properties are not allowed ('z' was unexpected)"},
    ]
