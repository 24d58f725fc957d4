"""Triggers on a real server: a schedule ticks in the hub, and goes on when the hub is killed; a webhook starts."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

import pytest

from tests.cluster import FlowrayServer, eventually, is_gone
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]

OUT = {"type": "output", "config": {"outputName": "at", "value": "{{start.timestamp}}"}}


def _saved(server: FlowrayServer, **config: Any) -> str:
    nodes = {"start": {"type": "trigger", "config": config}, "out": OUT}
    answer = server.http.post("/v1/workflows", json=workflow("ticking", nodes, [("start", "out")]))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _publish(server: FlowrayServer, workflow_id: str, action: str = "publish") -> dict[str, Any]:
    answer = server.http.post(f"/v1/workflows/{workflow_id}/{action}")
    assert answer.status_code == 200, answer.text
    [trigger] = answer.json()["triggers"]
    return dict(trigger)


def _history(server: FlowrayServer, trigger_id: str) -> list[dict[str, Any]]:
    """Oldest first."""
    answer = server.http.get(f"/v1/triggers/{trigger_id}/history", params={"limit": 200})
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["data"]))


def _started(server: FlowrayServer, trigger_id: str) -> list[dict[str, Any]]:
    return [row for row in _history(server, trigger_id) if row["status"] == "started"]


def test_a_schedule_ticks_on_when_the_hub_is_killed(server: FlowrayServer) -> None:
    """Scenario 63: each tick once, none lost with catchUp all, whoever dies; the executions are those of the ticks."""
    workflow_id = _saved(server, triggerType="schedule", every="1s", catchUp="all")
    trigger = _publish(server, workflow_id)
    eventually(lambda: len(_started(server, trigger["id"])) >= 2, 60)
    pid = server.pid("hub")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid), 60)
    before = len(_history(server, trigger["id"]))
    # Nobody calls the new hub from here: the server itself makes it supervise again.
    eventually(lambda: len(_started(server, trigger["id"])) >= before + 3, 90)
    _publish(server, workflow_id, "unpublish")
    eventually(lambda: all(row["status"] == "started" for row in _history(server, trigger["id"])), 60)

    rows = _history(server, trigger["id"])
    assert set(Counter(row["fire_key"] for row in rows).values()) == {1}
    seconds = sorted(int(row["scheduled_at"][17:19]) for row in rows)
    assert len(set(seconds)) == len(rows)
    scheduled = sorted(row["scheduled_at"] for row in rows)
    executions = server.http.get("/v1/executions", params={"workflow_id": workflow_id, "limit": 200}).json()["data"]
    assert {row["id"] for row in executions} == {row["execution_id"] for row in rows}
    outputs = sorted(server.finished(row["execution_id"])["outputs"]["at"] for row in rows)
    assert outputs == scheduled
    assert {row["metadata"]["trigger_id"] for row in executions} == {trigger["id"]}
    assert all(row["created_at"] >= row["inputs"]["timestamp"] for row in executions)  # never early


def test_a_webhook_starts_an_execution(server: FlowrayServer) -> None:
    workflow_id = _saved(server, triggerType="webhook", respond="done", inputMapping={"timestamp": "{{body.at}}"})
    trigger = _publish(server, workflow_id)
    answers = [
        server.http.post(trigger["url"], json={"at": "now"}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"at": "now"})] * 2
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    _publish(server, workflow_id, "unpublish")
    assert server.http.post(trigger["url"], json={}).status_code == 404
