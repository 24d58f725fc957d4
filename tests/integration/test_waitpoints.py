"""Executions that wait for people, on Ray: they hold nothing, and what was acknowledged survives whatever dies next."""

from __future__ import annotations

import os
import signal
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from flowray.bootstrap import open_engine
from flowray.persistence.sql.reader import SqlReader
from tests.cluster import FlowrayServer, eventually, is_gone
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]


def _reviewed(world: str, prefix: str) -> dict[str, Any]:
    """An effect, two people at once, and an effect with their answers."""
    effect = {"method": "POST", "failOnStatus": True}
    nodes = {
        "in": {"type": "input", "config": {}},
        "before": {"type": "http", "config": {**effect, "url": f"{world}/effect/{prefix}-before"}},
        "ann": {"type": "humanReview", "config": {"prompt": "Ann?", "inputType": "number", "variableName": "a"}},
        "bob": {"type": "pause", "config": {"prompt": "Bob?", "expectedInput": {"type": "object"}}},
        "after": {"type": "http", "join": "all", "config": {**effect, "url": f"{world}/effect/{prefix}-{{{{a}}}}"}},
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{after.data.name}}/{{bob.ok}}"}},
    }
    edges = [("in", "before"), ("before", "ann"), ("before", "bob"), ("ann", "after"), ("bob", "after"),
             ("after", "out")]  # fmt: skip
    return workflow("reviewed", nodes, edges)


def _get(server: FlowrayServer, execution_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.http.get(f"/v1/executions/{execution_id}").json()
    return found


def _tokens(server: FlowrayServer, execution_id: str) -> dict[str, str]:
    return {entry["node_id"]: entry["token"] for entry in _get(server, execution_id)["waiting_for"]}


def _complete(server: FlowrayServer, token: str, data: Any) -> dict[str, Any]:
    answer = server.http.post(f"/v1/waitpoints/{token}/complete", json={"data": data})
    assert answer.status_code == 200, answer.text
    kept: dict[str, Any] = answer.json()
    return kept


def _owner(engine: Engine, execution_id: str) -> str | None:
    found = SqlReader(engine).execution_by_id(execution_id)
    assert found is not None
    return found.owner_id


def _kill_orchestrator(server: FlowrayServer) -> None:
    pid = server.pid("orchestrator")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid), 60)


def test_r30_answers_survive_the_death_of_the_orchestrator(server: FlowrayServer, world: str) -> None:
    """SIGKILL while it is paused, and again right after an answer was acknowledged: same result, no effect twice."""
    prefix = uuid.uuid4().hex[:8]
    its_id = server.start(_reviewed(world, prefix))["id"]
    eventually(lambda: len(_tokens(server, its_id)) == 2, 60)
    tokens = _tokens(server, its_id)
    _kill_orchestrator(server)
    assert _tokens(server, its_id) == tokens
    assert _complete(server, tokens["ann"], "7") == {"status": "completed", "already_completed": False, "data": 7}
    _kill_orchestrator(server)
    assert _complete(server, tokens["ann"], 8) == {"status": "completed", "already_completed": True, "data": 7}
    _complete(server, tokens["bob"], {"ok": "yes"})
    done = server.finished(its_id, 120)
    assert (done["status"], done["outputs"]) == ("completed", {"y": f"{prefix}-7/yes"}), done
    events = server.events(its_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    closed = [event["waitpoint"] for event in events if event["type"] == "waitpoint.closed"]
    assert sorted(closed) == ["ann#1", "bob#1"]
    calls = httpx.get(f"{world}/counted").json()
    assert (len(calls[f"{prefix}-before"]), len(calls[f"{prefix}-7"])) == (1, 1)


def test_a_paused_execution_is_owned_by_nobody(server: FlowrayServer, world: str) -> None:
    prefix = uuid.uuid4().hex[:8]
    its_id = server.start(_reviewed(world, prefix))["id"]
    eventually(lambda: _get(server, its_id)["status"] == "paused", 60)
    engine = open_engine(server.settings)
    try:
        eventually(lambda: _owner(engine, its_id) is None, 60)
    finally:
        engine.dispose()
    for node, answer in (("bob", {"ok": 1}), ("ann", 2)):
        _complete(server, _tokens(server, its_id)[node], answer)
    assert server.finished(its_id)["outputs"] == {"y": f"{prefix}-2/1"}
