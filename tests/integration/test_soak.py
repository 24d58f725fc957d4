"""A soak under kills: executions start all the time while processes die at random; afterwards everything has finished.

Takes FLOWRAY_SOAK_S seconds of trouble and is skipped without; ``make test-full`` sets it.
"""

from __future__ import annotations

import os
import random
import signal
import time
import uuid
from collections import Counter
from typing import Any

import httpx
import pytest
import ray

from tests.cluster import TERMINAL, FlowrayServer, eventually
from tests.integration.definitions import effects_chain

SECONDS = float(os.environ.get("FLOWRAY_SOAK_S", "0"))

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(SECONDS <= 0, reason="FLOWRAY_SOAK_S is not set"),
    pytest.mark.timeout(SECONDS + 300),
]

STEPS = 5
KILL_EVERY_S = 8.0
START_EVERY_S = 0.2
VICTIMS = ("orchestrator", "io-lane", "hub")


def test_everything_that_was_acknowledged_finishes_once(server: FlowrayServer, world: str) -> None:
    """R22 to R25, R28, R31, R38, R39 and laws L2, L3, L7 under random SIGKILLs of every actor of the instance."""
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    actors_before = _actors(server)
    started: dict[str, str] = {}
    kills: Counter[str] = Counter()
    ends_at, next_kill = time.monotonic() + SECONDS, time.monotonic() + KILL_EVERY_S
    while time.monotonic() < ends_at:
        prefix = uuid.uuid4().hex[:10]
        try:
            answer = server.http.post(
                "/v1/executions", json={"definition": effects_chain(world, STEPS, ms=30, prefix=prefix), "inputs": {}}
            )
        except httpx.TransportError:
            continue
        if answer.status_code == 202:
            started[answer.json()["id"]] = prefix
        if time.monotonic() >= next_kill:
            victim = chance.choice(VICTIMS)
            kills[victim] += _kill(server, victim)
            next_kill = time.monotonic() + KILL_EVERY_S
        time.sleep(START_EVERY_S)

    print(f"seed {seed}: {len(started)} executions, kills {dict(kills)}")
    assert started
    assert kills
    calls: dict[str, list[str]] = {}
    for execution_id in started:
        eventually(lambda execution_id=execution_id: _has_ended(server, execution_id), 120)
    calls = httpx.get(f"{world}/counted").json()
    for execution_id, prefix in started.items():
        _check(server, execution_id, prefix, calls)
    running = server.http.get("/v1/executions", params={"status": "running", "limit": 100}).json()["data"]
    assert running == []
    eventually(lambda: _actors(server) == actors_before, 60)


def _check(server: FlowrayServer, execution_id: str, prefix: str, calls: dict[str, list[str]]) -> None:
    execution = server.http.get(f"/v1/executions/{execution_id}").json()
    assert (execution["status"], execution["outputs"]) == ("completed", {"last": f"{prefix}-{STEPS - 1:02d}"})
    events = server.events(execution_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    completed = Counter(event["instance"] for event in events if event["type"] == "node.completed")
    assert set(completed.values()) == {1}
    attempts = Counter(event["instance"] for event in events if event["type"] == "node.started")
    for number in range(STEPS):
        node = f"step-{number:02d}"
        keys = calls[f"{prefix}-{number:02d}"]
        assert set(keys) == {f"{execution_id}:{node}:1"}
        assert len(keys) <= attempts[node]


def _has_ended(server: FlowrayServer, execution_id: str) -> bool:
    answer = server.http.get(f"/v1/executions/{execution_id}")
    return answer.status_code == 200 and answer.json()["status"] in TERMINAL


def _kill(server: FlowrayServer, victim: str) -> int:
    """Kill one actor's process; 0 if it is just restarting and cannot be asked for its pid."""
    actor = server.actor(victim)
    call: Any = actor.start.remote() if victim == "hub" else actor.facts.remote()
    try:
        pid = int(ray.get(call, timeout=3)["pid"])
    except ray.exceptions.RayError:
        return 0
    os.kill(pid, signal.SIGKILL)
    return 1


def _actors(server: FlowrayServer) -> list[str]:
    """All but the broker of long tasks, which leaves some time after the last of them, maybe another test's."""
    listed = ray.util.list_named_actors(all_namespaces=True)
    names = [entry["name"] for entry in listed if entry["namespace"] == server.config.namespace]
    return sorted(name for name in names if not name.startswith("task-broker"))
