"""Starts that wait, on Ray: limits hold while owners die, delays are never short, what comes too late expires."""

from __future__ import annotations

import os
import signal
import uuid
from typing import Any

import httpx
import pytest

from tests.cluster import FlowrayServer, eventually, is_gone
from tests.integration.definitions import effects_chain, workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]

NOTHING = {
    "in": {"type": "input", "config": {}},
    "out": {"type": "output", "config": {"outputName": "x", "value": "1"}},
}


def _limited(name: str, definition: dict[str, Any], most: int) -> dict[str, Any]:
    return {**definition, "settings": {"queue": {"name": name, "maxConcurrent": most}}}


def _start(server: FlowrayServer, definition: dict[str, Any], **options: Any) -> str:
    answer = server.http.post("/v1/executions", json={"definition": definition, "options": options})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _span(server: FlowrayServer, execution_id: str) -> tuple[str, str]:
    """When it ran: the times of its first and its last event."""
    events = server.events(execution_id)
    assert (events[0]["type"], events[-1]["type"]) == ("execution.started", "execution.completed"), events
    return events[0]["ts"], events[-1]["ts"]


def _queue(server: FlowrayServer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get(f"/v1/queues/{name}").json()
    return found


def test_a_limit_holds_while_the_orchestrator_dies_and_nobody_is_lost(server: FlowrayServer, world: str) -> None:
    """Scenarios 59 and 60: limit 3, ten at once, SIGKILL of the owner while three run and seven wait."""
    name = uuid.uuid4().hex[:8]
    definition = _limited(name, effects_chain(world, 1, 300, name), 3)
    server.http.post(f"/v1/queues/{name}/pause")
    ids = [_start(server, definition) for _ in range(10)]
    assert _queue(server, name)["waiting"] == 10
    server.http.post(f"/v1/queues/{name}/resume")
    eventually(lambda: _queue(server, name)["running"] == 3, 60)
    pid = server.pid("orchestrator")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid), 60)
    ended = [server.finished(execution_id, 120) for execution_id in ids]
    assert {execution["status"] for execution in ended} == {"completed"}
    spans = [_span(server, execution_id) for execution_id in ids]
    together = [sum(began <= moment < over for began, over in spans) for moment, _ in spans]
    assert max(together) == 3
    assert (_queue(server, name)["running"], _queue(server, name)["waiting"]) == (0, 0)  # L8
    # At least once, and never as often as twice where nobody died.
    assert 10 <= len(httpx.get(f"{world}/counted").json()[f"{name}-00"]) <= 13


def test_delay_priority_and_time_to_live(server: FlowrayServer) -> None:
    """A delay is never short; priority decides who is next; who has waited too long expires, cancelled or not."""
    name = uuid.uuid4().hex[:8]
    definition = _limited(name, workflow("nothing", NOTHING, [("in", "out")]), 1)
    server.http.post(f"/v1/queues/{name}/pause")
    low, high = _start(server, definition, priority=-60), _start(server, definition, priority=60)
    late = _start(server, definition, ttl_ms=300)
    delayed = _start(server, definition, delay_ms=2_500)
    cancelled = _start(server, definition, delay_ms=3_600_000)
    assert server.cancel(cancelled)["id"] == cancelled
    assert server.finished(cancelled)["status"] == "cancelled"
    assert server.finished(late)["status"] == "expired"
    assert [event["type"] for event in server.events(late)] == ["execution.expired"]
    assert _queue(server, name)["waiting"] >= 2
    server.http.post(f"/v1/queues/{name}/resume")
    ended = {its_id: server.finished(its_id) for its_id in (low, high, delayed)}
    assert [ended[its_id]["status"] for its_id in (low, high, delayed)] == ["completed"] * 3
    assert ended[high]["started_at"] <= ended[low]["started_at"]
    assert ended[delayed]["started_at"] >= ended[delayed]["not_before"]


def test_a_waiting_execution_lets_the_next_one_run(server: FlowrayServer) -> None:
    """Limit 1: the first asks a person; the second runs meanwhile; then the first goes on."""
    name = uuid.uuid4().hex[:8]
    nodes = {"in": NOTHING["in"], "ask": {"type": "pause", "config": {"prompt": "?"}}, "out": NOTHING["out"]}
    asking = _limited(name, workflow("asking", nodes, [("in", "ask"), ("ask", "out")]), 1)
    first = _start(server, asking)
    second = _start(server, _limited(name, workflow("nothing", NOTHING, [("in", "out")]), 1))
    assert server.finished(second)["status"] == "completed"
    waiting = server.http.get(f"/v1/executions/{first}").json()
    assert waiting["status"] == "paused"
    server.http.post(f"/v1/waitpoints/{waiting['waiting_for'][0]['token']}/complete", json={"data": 1})
    assert server.finished(first)["status"] == "completed"
