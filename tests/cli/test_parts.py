"""Options that say which part of a workflow runs: how they are read, and that commands carry them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowray.cli.parts import parse_changes, parse_pins, part_options
from flowray.errors import ErrorCode, FlowrayError
from tests.cli.conftest import Command

Write = Callable[..., Path]

STEPS: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "steps",
    "entryPoint": "in",
    "nodes": {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "double": {"type": "transform", "config": {"operation": "custom", "expression": "x * 2"}},
        "more": {"type": "transform", "config": {"operation": "custom", "expression": "double + 1"}},
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{more}}"}},
    },
    "edges": [
        {"source": "in", "target": "double"}, {"source": "double", "target": "more"},
        {"source": "more", "target": "out"},
    ],
}  # fmt: skip
"""y = 2x + 1 in two steps."""


def test_pins_are_json_text_or_files(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    path.write_text('{"a": [1]}')
    assert parse_pins(["a=5", "b=some text", 'c={"x": 1}', f"d=@{path}", "e="]) == {
        "a": 5, "b": "some text", "c": {"x": 1}, "d": {"a": [1]}, "e": "",
    }  # fmt: skip
    assert parse_pins(None) == {}
    path.write_text("{")
    for wrong in ("a", "=5", f"a=@{path}"):
        with pytest.raises(FlowrayError) as raised:
            parse_pins([wrong])
        assert raised.value.code is ErrorCode.INVALID_REQUEST


def test_changes_name_node_and_field() -> None:
    assert parse_changes(["a.model=x", "a.temperature=0.5", "b.c.url=u"]) == {
        "a": {"model": "x", "temperature": 0.5}, "b.c": {"url": "u"},
    }  # fmt: skip
    for wrong in ("a=5", ".url=x", "a.=x", "a.b"):
        with pytest.raises(FlowrayError, match=r"NODE\.FIELD=VALUE"):
            parse_changes([wrong])


def test_options_of_a_start() -> None:
    assert part_options(None, None, None, None, None) == {}
    assert part_options("b", "d", None, ["a=1"], "e0") == {
        "run_from": {"node_id": "b", "execution_id": "e0"}, "run_until": "d", "pins": {"a": 1},
    }  # fmt: skip
    with pytest.raises(FlowrayError, match="--reuse needs --from"):
        part_options(None, None, None, None, "e0")


def test_run_runs_a_part_in_this_process(flowray: Command, workflow_file: Write) -> None:
    path = workflow_file(STEPS)
    assert flowray("run", path, "-i", "x=4", "--until", "double").data == {"double": 8}
    assert flowray("run", path, "--until", "more", "--pin", "double=10").data == {"more": 11}
    assert flowray("run", path, "--only", "more", "--pin", "double=10").data == {"more": 11}
    assert flowray("run", path, "--from", "more", "--pin", "double=10").data == {"y": 11}
    refused = flowray("run", path, "--from", "more", "-o", "json")
    assert (refused.code, refused.out, refused.error["code"]) == (2, "", "INVALID_START_POINT")
    assert "'double'" in refused.error["message"]


@pytest.mark.usefixtures("server_url")
def test_submit_and_rerun_on_a_server(flowray: Command, workflow_file: Write) -> None:
    path = workflow_file(STEPS)
    done = flowray("submit", path, "-i", "x=4", "--watch", "--full").data
    assert done["outputs"] == {"y": 9}
    assert flowray("submit", path, "-i", "x=4", "--until", "double", "--watch").data == {"double": 8}
    taken = flowray("submit", path, "--from", "more", "--reuse", done["id"], "--watch")
    assert (taken.data, "double reused" in taken.err) == ({"y": 9}, True)
    again = flowray("rerun", done["id"], "--from", "more", "--pin", "double=1", "--watch", "--full").data
    assert (again["outputs"], again["rerun_of"]) == ({"y": 2}, done["id"])
    assert flowray("rerun", done["id"], "-i", "x=5").data["rerun_of"] == done["id"]
    edited = json.loads(json.dumps(STEPS))
    edited["nodes"]["more"]["config"]["expression"] = "double + 100"
    edited["name"] = "edited"
    edited_path = workflow_file(edited)
    assert flowray("rerun", done["id"], "--definition", edited_path, "--from", "more", "-w").data == {"y": 108}
    saved = flowray("submit", path, "-i", "x=1", "--save", "--watch", "--full").data
    assert flowray("rerun", saved["id"], "--set", "more.expression=double", "--from", "more", "-w").data == {"y": 2}


@pytest.mark.usefixtures("server_url")
def test_rerun_of_what_failed(flowray: Command, workflow_file: Write) -> None:
    broken = json.loads(json.dumps(STEPS))
    broken["nodes"]["more"]["type"] = "no-such-type"
    failed = flowray("submit", workflow_file(broken), "-i", "x=4", "-o", "json").data
    assert flowray("watch", failed["id"]).code == 1
    mended = workflow_file(STEPS, "mended.json")
    assert flowray("rerun", failed["id"], "--failed", "--definition", mended, "--watch").data == {"y": 9}
    nothing = flowray("rerun", "nope", "-o", "json")
    assert (nothing.code, nothing.error["code"]) == (5, "NOT_FOUND")
