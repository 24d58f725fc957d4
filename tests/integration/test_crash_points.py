"""SIGKILL at each crash point of driving, on the real runtime: same outputs, a whole log, no committed effect twice.

Each run takes a few of the points, FLOWRAY_ACCEPTANCE_FULL=1 all of them. Those of other roles are in
test_crash_points_of_roles and test_retention; that none is left out is checked here.
"""

from __future__ import annotations

import importlib
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from flowray.runtime.crash_points import CrashPoint
from tests.cluster import FlowrayServer, eventually, is_gone
from tests.hostile.on_ray import traps_of
from tests.hostile.traps import Traps
from tests.integration.definitions import workflow
from tests.integration.killing import WITH_TEST

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"

EFFECTS = ("before", "left", "right", "last")
MS = 100
"""How long an effect takes, so that some are under way when the process dies."""


@dataclass(frozen=True)
class Case:
    """Who dies at a point, and after what: the trap is set at the start, or once the named effect has begun."""

    where: str = "orchestrator"
    after: str | None = None
    always: bool = False


CASES = {
    CrashPoint.START_ASKED: Case(),
    CrashPoint.START_DURABLE: Case(always=True),
    CrashPoint.DISPATCH: Case(after="before"),
    CrashPoint.ATTEMPT_BEGUN: Case("io"),
    CrashPoint.ATTEMPT_DONE: Case("io", always=True),
    CrashPoint.COMMIT_SENT: Case(after="before"),
    CrashPoint.COMMIT_DURABLE: Case(after="before", always=True),
    CrashPoint.COMMIT_TOLD: Case(after="before"),
    CrashPoint.END_DURABLE: Case(),
    CrashPoint.TIMER_DUE: Case(),
    CrashPoint.INBOX_TAKEN: Case(always=True),
    CrashPoint.GIVEN_UP: Case(),
    CrashPoint.CLAIMED: Case(after="before"),
}


def test_every_point_has_its_test() -> None:
    """Of those elsewhere, whose tests count as they are loaded, a test fails in which nobody dies (``killing``)."""
    for module in ("test_crash_points_of_roles", "test_retention"):
        importlib.import_module(f"tests.integration.{module}")
    assert set(CASES) | WITH_TEST == set(CrashPoint)
    assert not set(CASES) & WITH_TEST


@pytest.fixture
def traps(server: FlowrayServer) -> Iterator[Traps]:
    """None of them outlives its test."""
    found = traps_of(server.settings)
    found.clear()
    yield found
    found.clear()


@pytest.mark.parametrize("point", [point for point, case in CASES.items() if FULL or case.always])
def test_a_death_at_a_crash_point_loses_nothing(
    server: FlowrayServer, world: str, traps: Traps, point: CrashPoint
) -> None:
    """R22 to R25, R28, R29, R31, R39."""
    case, prefix = CASES[point], uuid.uuid4().hex[:8]
    if case.after is None:
        traps.set(point, case.where)
    execution_id = _started(server, _definition(world, prefix), key=prefix)
    if case.after is not None:
        effect = case.after
        eventually(lambda: _calls(world, prefix)[effect])
        if point is CrashPoint.CLAIMED:  # Somebody must die first, for an execution to be claimed.
            traps.set(CrashPoint.COMMIT_TOLD, "orchestrator")
        traps.set(point, case.where)
    eventually(lambda: _waits(server, execution_id) or traps.sprung(point))
    if point is CrashPoint.GIVEN_UP:
        eventually(lambda: traps.sprung(point))
    _answer(server, execution_id)
    done = server.finished(execution_id, 120)
    pid = eventually(lambda: traps.sprung(point))
    eventually(lambda: is_gone(pid))

    assert (done["status"], done["outputs"]) == ("completed", {"y": f"{prefix}-last/yes"}), done
    events = server.events(execution_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert set(Counter(event["instance"] for event in events if event["type"] == "node.completed").values()) == {1}
    _check_effects(execution_id, events, _calls(world, prefix), point)
    assert _started(server, _definition(world, prefix), key=prefix) == execution_id


def _check_effects(
    execution_id: str, events: list[dict[str, Any]], calls: dict[str, list[str]], point: CrashPoint
) -> None:
    """L2: at most once per started attempt, always under the same key; never again once its result was committed."""
    attempts = Counter(event["instance"] for event in events if event["type"] == "node.started")
    for effect in EFFECTS:
        assert set(calls[effect]) == {f"{execution_id}:{effect}:1"}
        assert len(calls[effect]) <= attempts[effect]
    recovered = next((event["seq"] for event in events if event["type"] == "execution.recovered"), len(events))
    settled = {event["instance"] for event in events[:recovered] if event["type"] == "node.completed"}
    assert [effect for effect in EFFECTS if effect in settled and attempts[effect] > 1] == (
        ["before"] if CASES[point].where == "io" else []
    )
    if point is CrashPoint.ATTEMPT_BEGUN:
        assert (len(calls["before"]), attempts["before"]) == (1, 2)
    if point is CrashPoint.ATTEMPT_DONE:
        assert (len(calls["before"]), attempts["before"]) == (2, 2)


def _definition(world: str, prefix: str) -> dict[str, Any]:
    """An effect, a timer, two effects side by side, a person, and a last effect."""
    nodes: dict[str, Any] = {
        name: {
            "type": "http",
            "join": "all",
            "config": {"method": "POST", "failOnStatus": True, "url": f"{world}/effect/{prefix}-{name}?ms={MS}"},
        }
        for name in EFFECTS
    }
    nodes |= {
        "nap": {"type": "wait", "config": {"duration": 200}},
        "ann": {"type": "pause", "join": "all", "config": {"prompt": "Ann?"}},
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{last.data.name}}/{{ann.ok}}"}},
    }
    edges = [("in", "before"), ("before", "nap"), ("nap", "left"), ("nap", "right"), ("left", "ann"), ("right", "ann"),
             ("ann", "last"), ("last", "out")]  # fmt: skip
    return workflow("crash points", {"in": {"type": "input", "config": {}}, **nodes}, edges)


def _started(server: FlowrayServer, definition: dict[str, Any], key: str) -> str:
    """Start it, or find what the same key has started."""
    body = {"definition": definition, "inputs": {}, "options": {"idempotency_key": key}}
    answer = server.http.post("/v1/executions", json=body)
    assert answer.status_code in (200, 202), answer.text
    its_id: str = answer.json()["id"]
    return its_id


def _waits(server: FlowrayServer, execution_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.http.get(f"/v1/executions/{execution_id}").json()["waiting_for"]
    return [entry for entry in found if entry.get("token")]


def _answer(server: FlowrayServer, execution_id: str) -> None:
    token = eventually(lambda: _waits(server, execution_id))[0]["token"]
    answer = server.http.post(f"/v1/waitpoints/{token}/complete", json={"data": {"ok": "yes"}})
    assert answer.status_code == 200, answer.text


def _calls(world: str, prefix: str) -> dict[str, list[str]]:
    """Idempotency keys of the calls of each effect."""
    counted: dict[str, list[str]] = httpx.get(f"{world}/counted").json()
    return {name: counted.get(f"{prefix}-{name}", []) for name in EFFECTS}
