"""Calls about many executions: every page is asked for, with the same key."""

from __future__ import annotations

import json
from typing import Any

import httpx

from flowray.client import AsyncClient, Client


class Server:
    """Two pages of one item each."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any], str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.seen.append((request.url.path, body, request.headers.get("idempotency-key")))
        first = "cursor" not in body
        item = {"id": "e1" if first else "e2", "status": "paused", "outcome": "cancelling"}
        return httpx.Response(200, json={"data": [item], "next_cursor": "c" if first else None, "has_more": first})


def test_the_synchronous_client_goes_through_all_pages() -> None:
    server = Server()
    with Client("http://flowray", transport=httpx.MockTransport(server)) as client:
        found = client.bulk.cancel({"labels": {"team": "a"}}, reason="r")
        assert server.seen == []
        assert [item.id for item in found] == ["e1", "e2"]
        assert [item.id for item in client.bulk.rerun({"status": ["failed"]}, failed_only=True, dry_run=True)] == [
            "e1", "e2",
        ]  # fmt: skip
    cancelled = {"filter": {"labels": {"team": "a"}}, "reason": "r", "dry_run": False, "limit": 200}
    assert server.seen[:2] == [
        ("/v1/executions/cancel", cancelled, None),
        ("/v1/executions/cancel", {**cancelled, "cursor": "c"}, None),
    ]
    (path, body, key), (_, _, again) = server.seen[2:]
    assert (path, body["failed_only"], body["dry_run"]) == ("/v1/executions/rerun", True, True)
    assert key is not None
    assert key == again


async def test_the_asynchronous_client_goes_through_all_pages() -> None:
    server = Server()
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(server)) as client:
        assert [item.id async for item in client.bulk.cancel({"ids": ["e1"]})] == ["e1", "e2"]
        reruns = client.bulk.rerun({"ids": ["e1"]}, idempotency_key="k")
        assert [item.id async for item in reruns] == ["e1", "e2"]
    assert [key for _, _, key in server.seen] == [None, None, "k", "k"]
