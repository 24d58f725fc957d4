"""Named limits on the real runtime: never exceeded as seen by the called server, no slot lost by a death (L8)."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.cluster import FlowrayServer, eventually, is_gone
from tests.fakes.loopback import loopback_server
from tests.fakes.world import create_world
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]


@pytest.fixture
def called() -> Iterator[str]:
    """A server that counts how many calls are under way, for this test alone."""
    with loopback_server(create_world()) as url:
        yield url


@pytest.fixture
def limit(server: FlowrayServer) -> Iterator[str]:
    """A limit of two attempts at a time."""
    name = f"limit-{uuid.uuid4().hex[:8]}"
    assert server.http.put(f"/v1/limits/{name}", json={"concurrency": 2}).status_code == 200
    yield name
    server.http.delete(f"/v1/limits/{name}")


def fan(url: str, limit: str, width: int, ms: int) -> dict[str, Any]:
    """Slow calls side by side, all under the limit."""
    node = {"type": "http", "config": {"url": f"{url}/slow?ms={ms}"}, "limits": [limit]}
    nodes = {"start": {"type": "input", "config": {}}, **{f"call-{number}": node for number in range(width)}}
    return workflow("limited", nodes, [("start", name) for name in nodes if name != "start"])


def counts(server: FlowrayServer, limit: str) -> tuple[int, int]:
    found = server.http.get(f"/v1/limits/{limit}").json()
    return found["used"], found["waiting"]


def test_two_at_a_time_over_twenty_nodes_of_several_executions(server: FlowrayServer, called: str, limit: str) -> None:
    started = [server.start(fan(called, limit, 5, 60))["id"] for _ in range(4)]
    assert {server.finished(its_id)["status"] for its_id in started} == {"completed"}
    assert httpx.get(f"{called}/most").json()["most"] == 2
    eventually(lambda: counts(server, limit) == (0, 0))  # Slots are given back behind the commit that ends.


def test_a_limit_that_is_changed_while_attempts_wait_lets_them_go(
    server: FlowrayServer, called: str, limit: str
) -> None:
    server.http.put(f"/v1/limits/{limit}", json={"concurrency": 0})
    its_id = server.start(fan(called, limit, 3, 1))["id"]
    eventually(lambda: counts(server, limit) == (0, 3))
    server.http.put(f"/v1/limits/{limit}", json={"concurrency": 3})
    assert server.finished(its_id)["status"] == "completed"


def test_cancelling_what_waits_takes_it_out_of_the_line(server: FlowrayServer, called: str, limit: str) -> None:
    server.http.put(f"/v1/limits/{limit}", json={"concurrency": 0})
    its_id = server.start(fan(called, limit, 3, 1))["id"]
    eventually(lambda: counts(server, limit) == (0, 3))
    assert server.cancel(its_id)["status"] == "cancelled"
    eventually(lambda: counts(server, limit) == (0, 0))


@pytest.mark.parametrize("victim", ["io", "orchestrator"])
def test_a_death_gives_its_slots_back(server: FlowrayServer, called: str, limit: str, victim: str) -> None:
    """R13, R38, R39."""
    its_id = server.start(fan(called, limit, 6, 700))["id"]
    eventually(lambda: counts(server, limit) == (2, 4))
    pid = server.pid(victim)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: is_gone(pid))
    assert server.finished(its_id, wait=120)["status"] == "completed"
    eventually(lambda: counts(server, limit) == (0, 0))
    if victim == "orchestrator":
        # Its attempts run on in their lane, and are adopted together with their slots.
        assert httpx.get(f"{called}/most").json()["most"] == 2
