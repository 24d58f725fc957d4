"""Each kind of process is killed once in the middle of a 20-node workflow: outputs stay, commits never re-run."""

from __future__ import annotations

import os
import signal
import uuid
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from tests.cluster import FlowrayServer, alive_actors, eventually, is_gone
from tests.integration.definitions import effects_chain

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]

NODES = 20


def _replica_pid(server: FlowrayServer) -> int:
    replicas = [actor for actor in alive_actors() if actor.class_name.startswith("ServeReplica:flowray")]
    assert len(replicas) == 1
    return int(replicas[0].pid)


VICTIMS: dict[str, Callable[[FlowrayServer], int]] = {
    "orchestrator": lambda server: server.pid("orchestrator"),
    "lane": lambda server: server.pid("io-lane"),
    "hub": lambda server: server.pid("hub"),
    "ingress": _replica_pid,
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_killed_process_loses_nothing(server: FlowrayServer, world: str, victim: str) -> None:
    """R22, R23, R28, R29, R31, R36, R38, R39: SIGKILL in the middle; each committed effect happened once."""
    prefix = uuid.uuid4().hex[:8]
    started = server.start(effects_chain(world, NODES, ms=60, prefix=prefix), {"seed": 1})
    execution_id = started["id"]
    eventually(lambda: len(_completed(server, execution_id)) >= 6, 60)
    pid = VICTIMS[victim](server)
    committed_before = _completed(server, execution_id)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid), 60)

    done = server.finished(execution_id, 120)
    assert (done["status"], done["outputs"]) == ("completed", {"last": f"{prefix}-{NODES - 1:02d}"}), done
    events = server.events(execution_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    completions = Counter(event["instance"] for event in events if event["type"] == "node.completed")
    assert set(completions.values()) == {1}
    calls: dict[str, list[str]] = httpx.get(f"{world}/counted").json()
    for number in range(NODES):
        keys = calls[f"{prefix}-{number:02d}"]
        # At least once, always under the same idempotency key; exactly once if it was committed before the kill.
        assert set(keys) == {f"{execution_id}:step-{number:02d}:1"}
        if f"step-{number:02d}" in committed_before:
            assert len(keys) == 1


def _completed(server: FlowrayServer, execution_id: str) -> set[str]:
    return {row["instance"] for row in server.nodes(execution_id) if row["status"] == "completed"}
