"""SIM's workflows as definitions: nodes, edges, start, inputs, variables."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from flowray.definition.dialects.sim import typed
from flowray.definition.loading import load_definition
from tests.definition.dialects.sim_documents import block, export, found, load

START = block("start_trigger", "Start")


def edges_of(blocks: dict[str, dict[str, Any]], *edges: str) -> list[tuple[str, str | None, str]]:
    return [(edge.source, edge.source_handle, edge.target) for edge in load(blocks, *edges).require().edges]


def test_it_is_recognised_and_keeps_its_dialect_when_saved() -> None:
    result = load_definition(export({"s": START}, metadata={"name": "W", "description": "D"}))
    definition = result.require()
    assert (result.source_format, definition.dialect, definition.name, definition.description) == (
        "sim",
        "sim",
        "W",
        "D",
    )
    assert load_definition({**definition.model_dump(by_alias=True), "schemaVersion": 1}).source_format == "flowray"


def test_as_in_sim_nothing_new_starts_after_a_failure_and_fan_out_has_no_limit() -> None:
    settings = load({"s": START}).require().settings
    assert (settings.on_failure.value, settings.max_concurrent_nodes) == ("finish_running", 1_000)


def test_handles() -> None:
    blocks = {
        "s": START, "a": block("function", "A"), "L": block("loop", "L", data={"count": 1}),
        "b": block("function", "B", "L"), "z": block("function", "Z"),
    }  # fmt: skip
    drawn = ("s -> a", "a source-right-> L", "a error-> z", "L loop-start-source-> b", "L source-> z", "L error-> z")
    assert edges_of(blocks, *drawn) == [
        ("s", "source", "a"), ("a", "source", "L"), ("a", "error", "z"), ("L", "loop-body", "b"),
        ("L", "loop-exit", "z"), ("L", "error", "z"),
    ]  # fmt: skip


def test_a_condition_without_handles_is_read_in_the_order_of_its_edges() -> None:
    rules = [{"id": "c-if", "title": "if", "value": "true"}, {"id": "c-else", "title": "else"}]
    blocks = {"c": block("condition", "C", conditions=rules), "a": block("slack", "A"), "b": block("slack", "B")}
    result = load(blocks, "c -> a", "c -> b")
    assert [edge.source_handle for edge in result.require().edges] == ["c-if", "c-else"]
    assert ("DIALECT_INFERRED", "/state/edges/0") in found(result)


def test_edges_that_sim_does_not_follow_are_left_out_with_their_place() -> None:
    blocks = {
        "s": START, "L": block("loop", "L", data={"count": 1}), "b": block("function", "B", "L"),
        "z": block("function", "Z"), "n": block("note", "N"),
    }  # fmt: skip
    drawn = (
        "s -> L",
        "L loop-start-source-> b",
        "b -> z",
        "s -> b",
        "L loop-start-source-> z",
        "L loop_continue-> L",
        "n -> z",
    )
    result = load(blocks, *drawn)
    assert len(result.require().edges) == 2
    assert "n" not in result.require().nodes
    assert found(result) == [("DIALECT_UNSUPPORTED", f"/state/edges/{index}") for index in (2, 3, 4, 5)]


def test_a_disabled_block_cuts_the_path_behind_it_and_is_no_root_of_its_body() -> None:
    blocks = {
        "s": START, "L": block("loop", "L", data={"count": 1}), "b": block("function", "B", "L"),
        "d": block("function", "D", "L", enabled=False),
    }  # fmt: skip
    definition = load(blocks, "s -> L", "L loop-start-source-> b", "b -> d").require()
    assert [(edge.source, edge.target) for edge in definition.edges] == [("s", "L"), ("L", "b")]
    assert definition.nodes["d"].parent_id is None
    assert definition.nodes["b"].parent_id == "L"


def test_a_start_block_comes_before_other_triggers() -> None:
    blocks = {"w": block("generic_webhook", "Hook"), "s": START, "d": block("starter", "Old", enabled=False)}
    assert load(blocks).require().entry_point == "s"
    assert load({"w": blocks["w"]}).require().entry_point == "w"
    assert load({"a": block("function", "A")}).require().entry_point is None


def test_r57_declared_inputs_are_a_schema_with_defaults() -> None:
    fields = [
        {"name": "n", "type": "number", "value": "5"},
        {"name": "text", "type": "string", "value": ""},
        {"name": "docs", "type": "files"},
    ]
    definition = load({"s": block("start_trigger", "Start", inputFormat=fields)}).require()
    assert definition.inputs == {
        "type": "object",
        "properties": {
            "n": {"type": ["number", "null"], "default": 5},
            "text": {"type": ["string", "null"]},
            "docs": {},
        },
    }


def test_variables_have_their_types() -> None:
    variables = {"v": {"id": "v", "name": "My Num", "type": "number", "value": "5"}}
    definition = load({"s": START}, variables=variables).require()
    assert {name: entry.default for name, entry in definition.variables.items()} == {"My Num": 5}


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        ("5", "number", 5), ("abc", "number", "abc"), ("true", "number", "true"), ("True", "boolean", True),
        ('{"a": 1}', "object", {"a": 1}), ("[1]", "object", "[1]"), ("[1]", "array", [1]), ("5", "string", "5"),
        (7, "number", 7), (None, "number", None),
    ],
)  # fmt: skip
def test_text_becomes_what_its_type_says_where_it_can(value: Any, kind: str, result: Any) -> None:
    assert typed(value, kind) == result


JUNK: tuple[Any, ...] = (
    None,
    0,
    -1,
    1e308,
    True,
    "",
    "<a.b>",
    "[1e999]",
    "{",
    [],
    [[]],
    {},
    {"id": []},
    [{"value": 5}],
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in entries for place in _places(item, (*path, key)))]


def test_no_document_makes_the_loader_raise() -> None:
    """Every value of a document that uses every kind of block, replaced by junk, one at a time."""
    rules = [{"id": "if", "title": "if", "value": "<agent.content> > 1"}]
    row = [{"id": "1", "cells": {"Key": "A", "Value": "<start.a>"}}]
    blocks = {
        "s": block("start_trigger", "Start", inputFormat=[{"name": "n", "type": "number", "value": "5"}]),
        "w": block("schedule", "Timer", scheduleType="daily", dailyTime="08:00"),
        "a": block(
            "agent", "Agent", messages='[{"role": "user", "content": "x"}]', temperature="0.5", retry={"enabled": True}
        ),
        "c": block("condition", "Check", conditions=rules),
        "h": block("api", "Api", url="x", headers=row, timeout="5"),
        "r": block("router_v2", "Route", routes=[{"id": "r", "title": "R", "value": "x"}]),
        "v": block("variables", "Vars", variables=[{"variableName": "n", "type": "number", "value": "1"}]),
        "z": block(
            "response", "End", dataMode="structured", builderData=[{"name": "n", "type": "number", "value": "5"}]
        ),
        "L": block("loop", "L", data={"loopType": "forEach", "collection": "<start.n>", "count": 1}),
        "P": block("parallel", "P", "L", data={"parallelType": "count", "count": 2, "batchSize": 2}),
        "t": block("wait", "Wait", "P", timeValue="5"),
    }
    document = export(
        blocks, "s -> a", "a -> c", "c condition-if-> L", "L loop-start-source-> P", loops={"L": {"nodes": ["P"]}}
    )
    assert load_definition(document).definition is not None
    for place in _places(document)[1:]:
        for junk in JUNK:
            broken = deepcopy(document)
            target: Any = broken
            for key in place[:-1]:
                target = target[key]
            target[place[-1]] = junk
            load_definition(broken, dialect="sim")
