"""Calls that take executions along, and those about shared waitpoints and metadata: what both clients send."""

from __future__ import annotations

import json
from typing import Any

import httpx

from flowray.client import AsyncClient, Client

DOCUMENT = {"format": "flowray.execution", "x": 1}
WAITPOINT = {
    "waitpoint_id": "wp:1", "token": "wp_t", "node_id": "", "instance": "", "kind": "shared", "execution_id": None,
    "status": "open", "already_created": False, "callback_url": "http://flowray/v1/waitpoints/wp_t/callback",
}  # fmt: skip
EXECUTION: dict[str, Any] = {
    "id": "e/1", "workflow_id": None, "workflow_version": None, "status": "paused", "inputs": {}, "outputs": None,
    "error": None, "errors": [], "progress": {}, "usage": {}, "waiting_for": [], "created_at": "2026-01-01T00:00:00Z",
    "started_at": None, "ended_at": None, "plan_hash": "p",
}  # fmt: skip

ANSWERS: dict[str, Any] = {
    "/v1/executions/e%2F1/export": DOCUMENT,
    "/v1/executions/import": EXECUTION,
    "/v1/waitpoints": WAITPOINT,
    "/v1/executions/e%2F1/metadata": {"metadata": {"n": 1}},
    "/v1/waitpoints/wp_t/complete": {"status": "completed", "already_completed": False, "data": 1},
}

EXPECTED = [
    ("GET", "/v1/executions/e%2F1/export", None),
    ("POST", "/v1/executions/import", DOCUMENT),
    ("POST", "/v1/waitpoints", {"name": "go", "tags": ["a"]}),
    ("PATCH", "/v1/executions/e%2F1/metadata", {"operations": [{"op": "increment", "key": "n"}]}),
    ("POST", "/v1/waitpoints/wp_t/complete", {"data": 1, "by": "ann"}),
]


class Server:
    """Answers every call, and remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        self.seen.append((request.method, path, json.loads(request.content) if request.content else None))
        return httpx.Response(200, json=ANSWERS[path])


def test_the_calls_of_the_synchronous_client() -> None:
    server = Server()
    with Client("http://flowray", transport=httpx.MockTransport(server)) as client:
        assert client.snapshots.export("e/1") == DOCUMENT
        assert client.snapshots.import_(DOCUMENT).status == "paused"
        assert client.waitpoints.create(name="go", tags=["a"]).token == "wp_t"
        assert client.executions.change_metadata("e/1", {"op": "increment", "key": "n"}).metadata == {"n": 1}
        assert client.waitpoints.complete("wp_t", 1, by="ann").data == 1
    assert server.seen == EXPECTED


async def test_the_calls_of_the_asynchronous_client() -> None:
    server = Server()
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(server)) as client:
        assert await client.snapshots.export("e/1") == DOCUMENT
        await client.snapshots.import_(DOCUMENT)
        await client.waitpoints.create(name="go", tags=["a"])
        await client.executions.change_metadata("e/1", {"op": "increment", "key": "n"})
        await client.waitpoints.complete("wp_t", 1, by="ann")
    assert server.seen == EXPECTED
