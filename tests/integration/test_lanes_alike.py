"""L6: one workflow in every lane of Ray, and in one process without Ray: the same events but for time and place."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import Lane
from flowray.eventlog.sse import public_event
from tests.cluster import FlowrayServer
from tests.integration.definitions import workflow
from tests.runtime.test_local import bench
from tests.runtime.workflows import compiled

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

BIG = "x" * 40_000
"""Above the inline limit: it travels by reference wherever it was made (R36)."""

INPUTS = {"cities": ["Rome", "Oslo"], "word": "go"}
PLACE = (
    "execution_id",
    "ts",
    "started_at",
    "ended_at",
    "due_at",
    "seq",
    "lane",
    "epoch",
    "duration_ms",
    "time",
    "payload_id",
)


def nodes(lane: Lane | None) -> dict[str, Any]:
    """A branch, a loop and a parallel with variables, a routed and a handled failure, a large value."""

    def made(expression: str, **more: Any) -> dict[str, Any]:
        return {"type": "transform", "config": {"operation": "custom", "expression": expression, **more}}

    found: dict[str, dict[str, Any]] = {
        "in": {"type": "input", "config": {"inputName": "word"}},
        "way": {"type": "conditional", "config": {"condition": "word == 'go'"}},
        "stay": made("'never'"),
        "big": {"type": "transform", "config": {"operation": "template", "template": BIG}},
        "each": {"type": "loop", "config": {"loopType": "forEach", "arrayPath": "cities", "itemVariable": "city"}},
        "add": {"type": "variable", "config": {"operation": "append", "variableName": "seen", "value": "{{city}}"}},
        "fan": {"type": "parallel", "config": {"count": 3, "outputVariable": "all"}},
        "square": made("$data * $data", inputData="{{parallel.index}}"),
        "bad": made("$error('no')"),
        "rescue": made("$data", inputData="{{bad.code}}"),
        "shrug": {**made("$error('never mind')"), "onError": {"strategy": "fallback", "fallbackValue": 7}},
        "size": made("$length($data)", inputData="{{big}}"),
        "out": {"type": "output", "join": "all", "config": {"outputName": "y", "value": {
            "seen": "{{var.seen}}", "all": "{{all}}", "size": "{{size}}", "code": "{{rescue}}", "shrug": "{{shrug}}",
        }}},
    }  # fmt: skip
    for node_id, node in found.items():
        node["name"] = node_id
        if lane is not None:
            node["execution"] = {"lane": lane.value}
    return found


EDGES = [
    ("in", "way"), ("way", "stay", "false"), ("way", "big", "true"), ("big", "each"), ("each", "add", "loop-body"),
    ("add", "each"), ("each", "fan", "loop-exit"), ("fan", "square", "parallel-body"), ("square", "fan"),
    ("fan", "bad", "parallel-exit"), ("bad", "rescue", "error"), ("rescue", "shrug"), ("shrug", "size"),
    ("size", "out"),
]  # fmt: skip


def story(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """By instance, what happened to it in order: types, and whatever is not time, place or a stored value's name."""
    told: dict[str, list[Any]] = {}
    for event in events:
        said = {name: plain(value) for name, value in event.items() if name not in PLACE}
        told.setdefault(str(event.get("instance", "")), []).append(said)
    return told


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if name not in PLACE}
    if isinstance(value, str) and len(value) > 100:
        return f"{value[:3]}… {len(value)}"
    return [plain(part) for part in value] if isinstance(value, list) else value


async def in_process() -> tuple[Any, dict[str, list[Any]]]:
    arrows = [f"{source} {handle[0] if handle else ''}-> {target}" for source, target, *handle in EDGES]
    plan = compiled(nodes(None), *arrows, name="alike")
    async with bench() as desk:
        row = await desk.run(plan, **INPUTS)
        events = desk.store.events.read(row.id, limit=10_000)
    assert row.status == "completed", row.error
    return row.outputs, story([public_event(event, row.id) for event in events])


async def test_l6_all_inline_all_io_all_task_and_in_process_tell_the_same(server: FlowrayServer) -> None:
    outputs, told = await in_process()
    assert outputs == {
        "y": {"seen": ["Rome", "Oslo"], "all": [0, 1, 4], "size": 40_000, "code": "EXPRESSION_ERROR", "shrug": 7}
    }
    for lane in (Lane.INLINE, Lane.IO, Lane.TASK):
        started = server.start(workflow("alike", nodes(lane), EDGES), INPUTS)
        done = server.finished(started["id"], 200)
        assert (done["status"], done["outputs"]) == ("completed", outputs), (lane, done["error"])
        found = story([event for event in server.events(started["id"]) if event["type"] != "stream.end"])
        other = {name: (told.get(name), found.get(name)) for name in told | found if told.get(name) != found.get(name)}
        assert other == {}, (lane, other)
