"""L5, L6: one workflow in every lane of Ray, in one process without Ray, and with its caches killed all the time: the
same events but for time and place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import pytest
import ray
from ray.exceptions import RayError

from flowray.definition.policies import Lane
from flowray.eventlog.sse import public_event
from tests.cluster import FlowrayServer, eventually
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
    """By instance, what happened to it in order: types, and whatever is not time, place or a stored value's name.

    What a container tells of a scope stands under the scope: which of several branches ends first is time.
    """
    told: dict[str, list[Any]] = {}
    for event in events:
        said = {name: plain(value) for name, value in event.items() if name not in PLACE}
        told.setdefault(place_of(event), []).append(said)
    return told


def place_of(event: dict[str, Any]) -> str:
    return str(event.get("scope") or event.get("instance", ""))


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


@contextmanager
def the_hub_dies_all_the_time(server: FlowrayServer, pauses: Sequence[float] = (0.01,)) -> Iterator[list[int]]:
    """Kills the hub and with it the context store, after pauses of so many seconds, in turn; yields how often, in a
    list of one."""
    hub, enough, deaths = server.actor("hub"), threading.Event(), [0]

    def kill() -> None:
        for pause in cycle(pauses):
            if enough.wait(pause):
                return
            ray.kill(hub, no_restart=False)
            deaths[0] += 1

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield deaths
    finally:
        enough.set()
        killer.join()
        eventually(lambda: alive(server), 120, every_s=0.5)


def alive(server: FlowrayServer) -> bool:
    try:
        return server.pid("hub") > 0
    except RayError:
        return False


def test_l5_a_context_of_nothing_and_a_store_that_always_dies_change_nothing(server: FlowrayServer) -> None:
    """R7, R16, R36: every value above a few bytes spills, and the store near the lanes is a cache that may be gone."""
    unlimited = server.run(workflow("unlimited", nodes(Lane.IO), EDGES), INPUTS)
    limits = {"context": {"maxTotalBytes": 0}}
    with the_hub_dies_all_the_time(server) as deaths:
        limited = server.run(workflow("limited", nodes(Lane.IO), EDGES, settings=limits), INPUTS, 120)
    assert deaths[0] > 0
    assert (limited["status"], limited["outputs"]) == ("completed", unlimited["outputs"]), limited["error"]
    assert types_by_instance(server, limited["id"]) == types_by_instance(server, unlimited["id"])


def types_by_instance(server: FlowrayServer, execution_id: str) -> dict[str, list[str]]:
    """By instance, the types of its events in order. Where an output lies is not told."""
    told: dict[str, list[str]] = {}
    for event in server.events(execution_id):
        if event["type"] not in ("stream.end", "execution.recovered"):
            told.setdefault(place_of(event), []).append(event["type"])
    return told
