"""On Ray: what executions remember for one another outlives them, and the supervisor deletes them when they are due."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from flowray.bootstrap import open_storage
from flowray.runtime.doctor import examine
from flowray.runtime.on_ray.session import RaySession
from tests.cluster import FlowrayServer, eventually, hosted
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

RUNS = 6


@pytest.fixture(scope="module")
def pair(ray_cluster: RaySession, llm: str) -> Iterator[FlowrayServer]:
    """A server that looks every second for what is due, with two orchestrators, of which one writes (R26)."""
    with hosted(ray_cluster, llm, orchestrators=2, retention_every_s=1) as running:
        yield running


def remembering() -> dict[str, Any]:
    """Appends its name before and after a wait; deleted at once when it has completed."""
    append = {"operation": "append", "key": "log", "scope": "workflow"}
    nodes = {
        "in": {"type": "input", "config": {"inputName": "name"}},
        "before": {"type": "shared-memory", "config": {**append, "value": ["{{name}} begins"]}},
        "wait": {"type": "wait", "config": {"duration": 1, "unit": "seconds"}},
        "after": {"type": "shared-memory", "config": {**append, "value": ["{{name}} ends"]}},
        "big": {"type": "transform", "config": {"operation": "passthrough", "inputData": "x" * 100_000}},
    }
    edges = [("in", "before"), ("before", "wait"), ("wait", "after"), ("after", "big")]
    return {**workflow("remembers", nodes, edges), "settings": {"retention": {"completedMs": 0}}}


def test_r17_r34_memory_stays_exactly_once_while_executions_are_killed_and_deleted(pair: FlowrayServer) -> None:
    saved = pair.http.post("/v1/workflows", json=remembering())
    assert saved.status_code == 201, saved.text
    url = f"/v1/workflows/{saved.json()['id']}"
    names = [f"n{number}" for number in range(RUNS)]
    ids = []
    for name in names:
        answer = pair.http.post(f"{url}/execute", json={"inputs": {"name": name}})
        assert answer.status_code == 202, answer.text
        ids.append(answer.json()["id"])

    def log() -> list[str]:
        found = pair.http.get(f"{url}/memory/log")
        return [entry[0] for entry in found.json()["value"]] if found.status_code == 200 else []

    eventually(lambda: len(log()) >= RUNS // 2)
    os.kill(pair.pid("orchestrator-1"), signal.SIGKILL)
    eventually(lambda: all(pair.http.get(f"/v1/executions/{its_id}").status_code == 404 for its_id in ids), 120)
    assert sorted(log()) == sorted(f"{name} {word}" for name in names for word in ("begins", "ends"))

    storage = open_storage(pair.settings)

    def purged() -> bool:
        return not storage.reader.upkeep.present(ids) and storage.reader.upkeep.leftovers(0).deleted == 0

    eventually(purged)
    assert all(storage.reader.events.read_raw(its_id) == [] for its_id in ids)
    assert examine(storage.reader, storage.payloads, older_than_ms=24 * 3_600_000).is_well
