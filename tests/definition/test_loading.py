"""Documents to definitions."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flowray.definition.loading import definition_schema, detect_format, dump_definition, load_definition
from flowray.definition.policies import OnFailure
from flowray.errors import DefinitionError


def _errors(document: Any) -> list[tuple[str, str, str | None]]:
    return [(item.code.value, item.pointer, item.node_id) for item in load_definition(document).diagnostics]


def test_yaml_and_json_give_the_same_definition() -> None:
    yaml = "nodes:\n  a: {type: input}\n  b: {type: step, timeoutMs: 5}\nedges:\n  - {source: a, target: b}\n"
    json = (
        '{"nodes": {"a": {"type": "input"}, "b": {"type": "step", "timeoutMs": 5}}, '
        '"edges": [{"source": "a", "target": "b"}]}'
    )
    assert load_definition(yaml).require() == load_definition(json).require()
    assert load_definition(json.encode()).require().nodes["b"].timeout_ms == 5


def test_snake_case_is_accepted() -> None:
    node = {"type": "x", "timeout_ms": 5, "on_error": {"strategy": "fallback", "fallback_value": 1}}
    document = {"nodes": {"a": node}, "entry_point": "a", "settings": {"on_failure": "finish_running"}}
    definition = load_definition(document).require()
    assert definition.entry_point == "a"
    assert definition.nodes["a"].timeout_ms == 5
    assert definition.settings.on_failure is OnFailure.FINISH_RUNNING


def test_every_wrong_field_is_named_with_its_pointer() -> None:
    document = {
        "schemaVersion": 1,
        "nodes": {"a": {"type": ""}, "b/c": {"type": "x", "timeoutMs": -1, "retry": {"maxAttempts": 0}}},
        "edges": [{"source": "a"}],
        "settings": {"maxConcurrentNodes": 0},
    }
    assert _errors(document) == [
        ("INVALID_FIELD", "/nodes/a/type", "a"),
        ("INVALID_FIELD", "/nodes/b~1c/retry/maxAttempts", "b/c"),
        ("INVALID_FIELD", "/nodes/b~1c/timeoutMs", "b/c"),
        ("INVALID_FIELD", "/edges/0/target", None),
        ("INVALID_FIELD", "/settings/maxConcurrentNodes", None),
    ]
    with pytest.raises(DefinitionError, match="and 4 more"):
        load_definition(document).require()


@pytest.mark.parametrize("document", ["[]", "null", "3", '"x"'])
def test_a_definition_is_an_object(document: str) -> None:
    result = load_definition(document, "json")
    assert result.definition is None
    assert [item.code.value for item in result.diagnostics] == ["MALFORMED_DOCUMENT"]


def test_newer_schema_versions_are_refused() -> None:
    assert _errors({"schemaVersion": 2, "nodes": {}}) == [("UNSUPPORTED_SCHEMA_VERSION", "/schemaVersion", None)]


def test_slips_in_field_names_are_warnings_with_a_suggestion() -> None:
    result = load_definition({"schemaVersion": 1, "nodes": {"a": {"type": "x", "timeoutMS": 5, "style": {}}}})
    assert result.definition is not None
    assert [(item.pointer, item.hint) for item in result.diagnostics] == [
        ("/nodes/a/timeoutMS", "Did you mean 'timeoutMs'?")
    ]


def test_unquoted_yaml_handles_are_names() -> None:
    text = """
nodes: {a: {type: if}, b: {type: x}}
edges:
  - {source: a, target: b, sourceHandle: true}
  - {source: a, target: b, sourceHandle: 3}
"""
    assert [edge.source_handle for edge in load_definition(text).require().edges] == ["true", "3"]


def test_formats_are_detected() -> None:
    plain = {"type": "input", "name": "A", "position": {"x": 0, "y": 0}, "config": {}}
    assert detect_format({"nodes": []}) == "flowmaestro-canvas"
    assert detect_format({"nodes": {"a": plain}, "entryPoint": "a"}) == "flowmaestro-engine"
    assert detect_format({"nodes": {"a": {"type": "input"}}, "settings": {"timeout": 300000}}) == "flowmaestro-engine"
    assert detect_format({"nodes": {"a": {"type": "input"}}, "entryPoint": "a"}) == "flowray"
    assert detect_format({"nodes": {"a": {**plain, "errorPort": True}}, "entryPoint": "a"}) == "flowray"
    assert detect_format({"nodes": {"a": plain}, "entryPoint": "a", "schemaVersion": 1}) == "flowray"
    assert detect_format({"nodes": {"a": plain}, "entryPoint": "a"}, "flowray") == "flowray"
    assert detect_format({"nodes": {}, "dialect": "flowmaestro"}) == "flowmaestro-engine"


def test_what_was_loaded_and_dumped_loads_unchanged() -> None:
    """The stored form of an imported file keeps its dialect and is not converted twice."""
    document = {
        "nodes": {"w": {"type": "wait", "name": "W", "position": {"x": 0, "y": 0}, "config": {"duration": 3600}}},
        "entryPoint": "w",
        "settings": {"timeout": 300000},
        "edges": [],
    }
    first = load_definition(document).require()
    assert first.dialect == "flowmaestro"
    assert first.nodes["w"].config["duration"] == 3_600_000
    again = load_definition(dump_definition(first))
    assert again.source_format == "flowray"
    assert again.require() == first


def test_the_published_schema_describes_what_is_dumped() -> None:
    schema = definition_schema()
    Draft202012Validator.check_schema(schema)
    definition = load_definition({"nodes": {"a": {"type": "input", "timeoutMs": 5}}, "edges": []}).require()
    Draft202012Validator(schema).validate(dump_definition(definition))
    assert schema["properties"]["schemaVersion"]["default"] == 1
    assert "timeoutMs" in schema["$defs"]["NodeDefinition"]["properties"]
    assert not Draft202012Validator(schema).is_valid({"nodes": {"a": {"type": "x", "timeoutMs": "soon"}}})


@pytest.mark.parametrize("document", [{"nodes": {"": {"type": "input"}}}, {"nodes": [{"id": "", "type": "input"}]}])
def test_an_empty_node_id_is_refused(document: dict[str, Any]) -> None:
    """It would be the root scope's: a node inside itself, at which ordering never ends."""
    result = load_definition(document)
    assert result.definition is None
    found = result.diagnostics[0]
    assert found.code.value == "INVALID_FIELD"
    assert found.pointer in ("/nodes/", "/nodes/0/id")
    assert found.hint
