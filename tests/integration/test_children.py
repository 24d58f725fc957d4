"""Sub-workflows on Ray: two orchestrators, the parent's killed in the middle, and every execution in its own actor."""

from __future__ import annotations

import os
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flowray.runtime.on_ray.session import RaySession
from tests.cluster import FlowrayServer, eventually, hosted
from tests.integration.definitions import effects_chain, workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

STEPS = 10
FULL = bool(os.environ.get("FLOWRAY_ACCEPTANCE_FULL"))


@pytest.fixture(scope="module")
def pair(ray_cluster: RaySession, llm: str) -> Iterator[FlowrayServer]:
    """A server with two orchestrators, of which the second sends its writes to the first (R26)."""
    with hosted(ray_cluster, llm, orchestrators=2) as running:
        yield running


def calling(child: dict[str, Any], outputs: str, **inputs: Any) -> dict[str, Any]:
    """A workflow that calls another one and returns what that returned."""
    nodes = {
        "in": {"type": "input", "config": {"inputName": "seed"}},
        "call": {"type": "subworkflow", "config": {"definition": child, "inputs": {"seed": "{{seed}}", **inputs}}},
        "end": {"type": "output", "config": {"outputName": "got", "value": outputs}},
    }
    return workflow("caller", nodes, [("in", "call"), ("call", "end")])


def start_on(server: FlowrayServer, name: str, made: Callable[[str], dict[str, Any]]) -> tuple[str, str]:
    """``(execution id, prefix)`` of the first that lands on that orchestrator. Each is made with a prefix of its own:
    those that land elsewhere are cancelled, but may have had effects by then.
    """
    wanted = server.actor(name)._actor_id.hex()
    while True:
        prefix = uuid.uuid4().hex[:8]
        started = server.start(made(prefix), {"seed": 1})
        row = server.http.get(f"/v1/executions/{started['id']}").json()
        if row["orchestrator_actor_id"] == wanted:
            return started["id"], prefix
        server.cancel(started["id"])


def child_of(server: FlowrayServer, parent_id: str) -> dict[str, Any]:
    """The only child of an execution, once it is there."""
    listing = {"parent_id": parent_id}
    (child,) = eventually(lambda: server.http.get("/v1/executions", params=listing).json()["data"], 60)
    found: dict[str, Any] = child
    return found


def family_events(server: FlowrayServer, execution_id: str) -> list[dict[str, Any]]:
    """The events of an execution and its children, page by page."""
    found: list[dict[str, Any]] = []
    after: str | None = "0"
    while after is not None:
        page = server.http.get(
            f"/v1/executions/{execution_id}/events",
            params={"after": after, "children": "1", "limit": 20},
            headers={"Accept": "application/json"},
        ).json()
        found += page["data"]
        after = page["next_cursor"]
    return found


@pytest.mark.parametrize("victim", ["orchestrator-1", "orchestrator-0"])
def test_r19_the_owner_of_a_parent_is_killed_while_its_child_runs(pair: FlowrayServer, world: str, victim: str) -> None:
    """R19, R24, R25, R31: whoever takes them over finds the one child there is; each effect keeps its key."""
    parent_id, prefix = start_on(
        pair, victim, lambda made: calling(effects_chain(world, STEPS, ms=60, prefix=made), "{{call.last}}")
    )
    child_id = child_of(pair, parent_id)["id"]
    eventually(lambda: [row for row in pair.nodes(child_id) if row["status"] == "completed"][2:], 60)
    os.kill(pair.pid(victim), signal.SIGKILL)

    done = pair.finished(parent_id, 150)
    assert (done["status"], done["outputs"]) == ("completed", {"got": f"{prefix}-{STEPS - 1:02d}"}), done
    child = child_of(pair, parent_id)
    assert (child["id"], child["status"], child["parent_id"]) == (child_id, "completed", parent_id)
    calls: dict[str, list[str]] = httpx.get(f"{world}/counted").json()
    for number in range(STEPS):
        assert set(calls[f"{prefix}-{number:02d}"]) == {f"{child_id}:step-{number:02d}:1"}
    events = family_events(pair, parent_id)
    for its_id in (parent_id, child_id):
        own = [event["seq"] for event in events if event["execution_id"] == its_id]
        assert own == list(range(1, len(own) + 1))
    counted = Counter(event["type"] for event in events if event["execution_id"] == parent_id)
    assert (counted["child.started"], counted["child.ended"]) == (1, 1)
    assert events[-1]["type"] == "execution.completed"


def test_cancelling_a_parent_cancels_its_child_in_whatever_process(pair: FlowrayServer, world: str) -> None:
    sleeping = workflow("sleeper", {"nap": {"type": "http", "config": {"url": f"{world}/slow?ms=120000"}}}, [])
    parent_id = pair.start(calling(sleeping, "{{call}}"), {"seed": 1})["id"]
    child_id = child_of(pair, parent_id)["id"]
    assert pair.cancel(parent_id)["status"] == "cancelled"
    assert pair.finished(child_id, 60)["cancel_reason"] == "Parent: Cancelled by user"


@pytest.mark.skipif(not FULL, reason="starts a process for each of six nodes; FLOWRAY_ACCEPTANCE_FULL=1 runs it")
def test_a_dedicated_orchestrator_runs_the_children_of_its_execution(literal_server: FlowrayServer) -> None:
    echo = workflow(
        "echo",
        {
            "in": {"type": "input", "config": {"inputName": "seed"}},
            "out": {"type": "output", "config": {"outputName": "echo", "value": "{{seed}}", "format": "number"}},
        },
        [("in", "out")],
    )
    parent_id = literal_server.start(calling(echo, "{{call.echo}}"), {"seed": 7})["id"]
    done = literal_server.finished(parent_id, 120)
    assert (done["status"], done["outputs"]) == ("completed", {"got": 7}), done
    child = child_of(literal_server, parent_id)
    assert child["orchestrator_actor_id"] is not None
    assert child["status"] == "completed"
