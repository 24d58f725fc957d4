"""FlowMaestro's engine and canvas formats."""

from __future__ import annotations

from typing import Any

from flowray.definition.loading import LoadResult, load_definition

PLACE = {"name": "N", "position": {"x": 0, "y": 0}}


def _engine(nodes: dict[str, dict[str, Any]], **fields: Any) -> LoadResult:
    document = {"nodes": {key: {**PLACE, **node} for key, node in nodes.items()}, "edges": [], **fields}
    document.setdefault("entryPoint", next(iter(nodes)))
    return load_definition(document)


def test_r14_the_converters_timeout_means_none() -> None:
    settings = {"timeout": 300000, "maxConcurrentNodes": 10, "enableCache": False}
    result = _engine({"a": {"type": "input"}}, settings=settings)
    assert result.require().settings.timeout_ms is None
    assert ("DIALECT_CHANGED", "/settings/timeout") in [(i.code.value, i.pointer) for i in result.diagnostics]
    assert _engine({"a": {"type": "input"}}, settings={"timeout": 1000}).require().settings.timeout_ms == 1000


def test_comments_go_with_their_edges() -> None:
    edges = [{"source": "c", "target": "a"}, {"source": "a", "target": "b"}]
    result = _engine({"c": {"type": "comment"}, "a": {"type": "input"}, "b": {"type": "x"}}, edges=edges)
    definition = result.require()
    assert list(definition.nodes) == ["a", "b"]
    assert [(edge.source, edge.target) for edge in definition.edges] == [("a", "b")]
    assert definition.entry_point == "a"


def test_old_templates_are_modern_ones_but_code_stays() -> None:
    configs = {
        "x": "a ${b.c} and $${d} and ${{e}}",
        "list": ["${$now()}"],
        "code": "return `${x}`",
        "expression": "items => items.map(i => `${i}`)",
    }
    result = _engine({"a": {"type": "whatever", "config": configs}})
    assert result.require().nodes["a"].config == {
        **configs,
        "x": "a {{b.c}} and ${{d}} and ${{e}}",
        "list": ["{{$now()}}"],
    }
    assert [item.code.value for item in result.diagnostics] == ["DIALECT_CHANGED"]


def test_the_canvas_format_is_a_list_of_nodes_with_data() -> None:
    document = {
        "name": "C",
        "nodes": [
            {"id": "n", "type": "comment", "data": {"text": "hi"}},
            {"id": "l", "type": "llm", "data": {"label": "Write", "prompt": "${x}"}, "position": {"x": 1, "y": 2}},
            {"id": "i", "type": "input", "data": {"inputName": "x"}},
        ],
        "edges": [{"id": "e", "source": "i", "target": "l"}, {"id": "f", "source": "n", "target": "l"}],
    }
    result = load_definition(document)
    definition = result.require()
    assert result.source_format == "flowmaestro-canvas"
    assert list(definition.nodes) == ["l", "i"]
    assert definition.entry_point == "i"
    assert (definition.nodes["l"].name, definition.nodes["l"].config["prompt"]) == ("Write", "{{x}}")
    assert definition.nodes["i"].name == "x"
    assert definition.dialect == "flowmaestro"
    changed = [item.pointer for item in result.diagnostics if item.node_id == "l"]
    assert changed == ["/nodes/1/data/"]


def test_the_canvas_format_needs_distinct_ids() -> None:
    result = load_definition({"nodes": [{"id": "a", "type": "x"}, {"id": "a", "type": "y"}, {"type": "z"}, 3]})
    assert [(item.code.value, item.pointer) for item in result.diagnostics if item.severity == "error"] == [
        ("DUPLICATE_NODE_ID", "/nodes/1/id"),
        ("INVALID_FIELD", "/nodes/2/id"),
        ("INVALID_FIELD", "/nodes/3/id"),
    ]


def test_wrong_fields_of_the_canvas_are_found_where_they_stand() -> None:
    result = load_definition({"nodes": [{"id": "a", "type": "x"}, {"id": "b", "type": "x", "join": "some"}]})
    assert [item.pointer for item in result.diagnostics if item.severity == "error"] == ["/nodes/1/join"]


def test_malformed_parts_are_reported_not_raised() -> None:
    for document in (
        {"dialect": "flowmaestro", "nodes": 3, "edges": 4, "settings": 5},
        {"dialect": "flowmaestro", "nodes": {"a": 3, "b": {"type": "http", "config": []}}, "edges": [7]},
        {"nodes": [{"id": "a"}], "edges": "x"},
    ):
        result = load_definition(document)
        assert result.definition is None
        assert all(item.pointer for item in result.diagnostics if item.severity == "error")
