"""The same server on a real PostgreSQL: a writer per process, payloads in the database, recovery by the same claims."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator

import pytest

from flowray.runtime.on_ray.session import RaySession
from tests.cluster import FlowrayServer, eventually, hosted
from tests.databases import postgres_url
from tests.integration.definitions import effects_chain, workflow

__all__ = ["postgres_url"]

pytestmark = [pytest.mark.ray, pytest.mark.postgres, pytest.mark.timeout(180)]


@pytest.fixture
def postgres_server(ray_cluster: RaySession, llm: str, postgres_url: str) -> Iterator[FlowrayServer]:
    """Two orchestrators, so that more than one process writes (R26)."""
    with hosted(ray_cluster, llm, database_url=postgres_url, orchestrators=2) as running:
        yield running


def test_workflows_run_recover_and_keep_large_values(postgres_server: FlowrayServer, world: str) -> None:
    """R22, R26, R28, R34 on PostgreSQL, in one server to spare start-up time."""
    server = postgres_server
    facts = server.http.get("/v1/info").json()
    assert facts["database"] == "postgresql"

    large = workflow(
        "large",
        {
            "in": {"type": "input", "config": {"inputName": "x"}},
            "fetch": {"type": "http", "config": {"method": "GET", "url": f"{world}/big?bytes=400000"}},
            "size": {
                "type": "transform",
                "config": {"operation": "custom", "inputData": "{{fetch.data}}", "expression": "$length($data.blob)"},
            },
            "out": {"type": "output", "config": {"outputName": "n", "value": "{{size}}", "format": "number"}},
        },
        [("in", "fetch"), ("fetch", "size"), ("size", "out")],
    )
    assert server.run(large)["outputs"] == {"n": 400_000}

    prefix = uuid.uuid4().hex[:8]
    started = [server.start(effects_chain(world, 8, ms=60, prefix=f"{prefix}-{n}")) for n in range(4)]
    eventually(lambda: all(len(server.nodes(one["id"])) >= 4 for one in started), 60)
    for number in range(2):
        os.kill(server.pid(f"orchestrator-{number}"), signal.SIGKILL)
    for number, one in enumerate(started):
        done = server.finished(one["id"], 90)
        assert (done["status"], done["outputs"]) == ("completed", {"last": f"{prefix}-{number}-07"}), done
        events = server.events(one["id"])
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
