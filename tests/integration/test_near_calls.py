"""R44: short effects run beside their orchestrator, and are lost with it as with a lane: nothing but time."""

from __future__ import annotations

import os
import signal
import uuid
from typing import Any

import httpx
import pytest
import ray

from tests.cluster import FlowrayServer, eventually, is_gone
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


def chain_of_effects(world: str, length: int) -> dict[str, Any]:
    """``length`` POSTs in a row that each take as long as the input says."""
    url = f"{world}/effect/{{{{name}}}}?ms={{{{ms}}}}"
    nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "name"}}}
    for number in range(length):
        nodes[f"step-{number}"] = {"type": "http", "config": {"method": "POST", "url": url, "failOnStatus": True}}
    return workflow(f"effects {uuid.uuid4().hex[:8]}", nodes, [*zip(nodes, list(nodes)[1:], strict=False)])


def near_calls(server: FlowrayServer) -> int:
    """How many calls the orchestrator has taken beside it."""
    facts = ray.get(server.actor("orchestrator").facts.remote(), timeout=60)
    return int(facts["near_calls"])


def earn(server: FlowrayServer, definition: dict[str, Any]) -> None:
    """Run it until its calls are made beside the orchestrator. A busy machine has few short calls."""

    def is_near() -> bool:
        before = near_calls(server)
        done = server.run(definition, {"name": uuid.uuid4().hex[:8], "ms": 0})
        assert done["status"] == "completed", done
        return near_calls(server) > before

    eventually(is_near, 120)


def made(world: str, name: str) -> int:
    """How often an effect was made."""
    calls: dict[str, list[str]] = httpx.get(f"{world}/counted").json()
    return len(calls.get(name, []))


def test_effects_that_are_short_run_beside_the_orchestrator(server: FlowrayServer, world: str) -> None:
    definition = chain_of_effects(world, 12)
    earn(server, definition)
    name = uuid.uuid4().hex[:8]
    done = server.run(definition, {"name": name, "ms": 0})
    events = server.events(done["id"])
    assert made(world, name) == 12
    ends = [event for event in events if event["type"] == "node.completed" and event["instance"] != "start"]
    assert [event["instance"] for event in ends] == [f"step-{number}" for number in range(12)]


def test_r23_an_effect_beside_a_killed_orchestrator_is_tried_again(server: FlowrayServer, world: str) -> None:
    """Committed as started, lost with its process: the next owner makes it again under its idempotency key."""
    definition = chain_of_effects(world, 2)

    def begins_near() -> str | None:
        earn(server, definition)
        name, before = uuid.uuid4().hex[:8], near_calls(server)
        started = server.start(definition, {"name": name, "ms": 20_000})
        eventually(lambda: made(world, name) == 1, 60)
        if near_calls(server) > before:
            return f"{started['id']} {name}"
        server.cancel(started["id"])
        return None

    execution_id, name = eventually(begins_near, 200).split()
    pid = server.pid("orchestrator")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid), 60)
    eventually(lambda: made(world, name) >= 2, 120)
    assert server.cancel(execution_id)["status"] == "cancelled"
    calls: dict[str, list[str]] = httpx.get(f"{world}/counted").json()
    assert set(calls[name]) == {f"{execution_id}:step-0:1"}
