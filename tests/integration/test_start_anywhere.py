"""On Ray: what failed runs again on copies of what had completed, and no effect that was committed happens twice."""

from __future__ import annotations

import uuid
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.cluster import FlowrayServer
from tests.integration.definitions import workflow

pytestmark = pytest.mark.ray


def shaky(world: str, prefix: str) -> dict[str, Any]:
    """in → pay → big → flaky → out; ``flaky`` fails at its first call, ``big`` is stored by reference."""
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "pay": {"type": "http", "config": {"method": "POST", "url": f"{world}/effect/{prefix}", "failOnStatus": True}},
        "big": {"type": "http", "config": {"method": "GET", "url": f"{world}/big?bytes=100000", "failOnStatus": True}},
        "flaky": {
            "type": "http",
            "config": {"method": "GET", "url": f"{world}/flaky/f{prefix}", "failOnStatus": True},
        },
        "out": {
            "type": "output",
            "config": {"outputName": "y", "value": "{{x}} {{pay.data.count}} {{big.data.size}} {{flaky.data.ok}}"},
        },
    }
    names = list(nodes)
    return workflow("shaky", nodes, list(pairwise(names)))


def test_r53_the_failed_part_runs_again_and_nothing_else(server: FlowrayServer, world: str) -> None:
    prefix = uuid.uuid4().hex[:8]
    failed = server.run(shaky(world, prefix), {"x": 1})
    assert (failed["status"], failed["error"]["node_id"]) == ("failed", "flaky")
    again = server.http.post(f"/v1/executions/{failed['id']}/rerun", json={"failed_only": True})
    assert again.status_code == 202, again.text
    done = server.finished(again.json()["id"])
    assert (done["status"], done["outputs"], done["rerun_of"]) == (
        "completed", {"y": "1 1 100000 true"}, failed["id"],
    )  # fmt: skip
    lanes = {row["instance"]: row["lane"] for row in server.nodes(done["id"])}
    assert lanes == {"in": "reused", "pay": "reused", "big": "reused", "flaky": "io", "out": "inline"}
    calls = httpx.get(f"{world}/counted").json()
    assert (len(calls[prefix]), len(calls[f"f{prefix}"])) == (1, 2), "one payment, two tries of what failed"

    storage = server.config.storage_factory()
    events = storage.reader.events.read(done["id"])
    reused = {event.body["instance"]: event.body for event in events if event.type == "node.reused"}
    payload_id = reused["big"]["output"]["payload_id"]
    assert payload_id.startswith(f"{done['id']}.")
    assert len(storage.payloads.get(payload_id)) > 100_000


def test_until_and_from_a_node(server: FlowrayServer, world: str) -> None:
    prefix = uuid.uuid4().hex[:8]
    body = {"definition": shaky(world, prefix), "inputs": {"x": 2}, "options": {"run_until": "big"}}
    started = server.http.post("/v1/executions", json=body)
    assert started.status_code == 202, started.text
    first = server.finished(started.json()["id"])
    assert (first["status"], first["outputs"]["big"]["data"]["size"]) == ("completed", 100_000)
    pins = {"flaky": {"data": {"ok": "pinned"}}}
    again = server.http.post(f"/v1/executions/{first['id']}/rerun", json={"from_node": "flaky", "pins": pins})
    assert again.status_code == 202, again.text
    assert server.finished(again.json()["id"])["outputs"] == {"y": "2 1 100000 pinned"}
    assert len(httpx.get(f"{world}/counted").json()[prefix]) == 1
