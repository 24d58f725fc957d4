"""Named limits through both clients."""

from __future__ import annotations

import inspect
import json
from typing import Any

import httpx

from flowray.client import AsyncClient, Client
from flowray.client.limits import AsyncLimits, Limits

LIMIT: dict[str, Any] = {
    "name": "a/b", "rpm": 5, "used": 1, "waiting": 2, "created_at": "2025-06-15T15:06:40Z",
    "updated_at": "2025-06-15T15:06:40Z",
}  # fmt: skip


def answer(request: httpx.Request) -> httpx.Response:
    if request.method == "DELETE":
        return httpx.Response(204)
    return httpx.Response(200, json={"data": [LIMIT]} if request.url.path == "/v1/limits" else LIMIT)


def test_each_call_is_what_the_server_offers() -> None:
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or answer(request))
    with Client("http://flowray", transport=transport) as client:
        assert [limit.waiting for limit in client.limits.list()] == [2]
        assert client.limits.get("a/b").uses == []
        assert client.limits.set("a/b", rpm=5).rpm == 5
        client.limits.delete("a/b")
    assert [(request.method, request.url.raw_path) for request in seen] == [
        ("GET", b"/v1/limits"), ("GET", b"/v1/limits/a%2Fb"), ("PUT", b"/v1/limits/a%2Fb"),
        ("DELETE", b"/v1/limits/a%2Fb"),
    ]  # fmt: skip
    assert json.loads(seen[2].content) == {"rpm": 5}


async def test_the_asynchronous_client_does_the_same() -> None:
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(answer)) as client:
        assert [limit.used for limit in await client.limits.list()] == [1]
        assert (await client.limits.get("a/b")).name == "a/b"
        assert (await client.limits.set("a/b", concurrency=1)).name == "a/b"
        await client.limits.delete("a/b")


def test_both_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(found).parameters) for name, found in vars(kind).items() if callable(found)
        }

    assert methods(AsyncLimits) == methods(Limits)
