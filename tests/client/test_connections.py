"""Connections through both clients."""

from __future__ import annotations

import inspect
import json
from typing import Any

import httpx

from flowray.client import AsyncClient, Client
from flowray.client.connections import AsyncConnections, Connections

TEAM: dict[str, Any] = {
    "name": "a/b", "kind": "bearer", "provider": "slack", "secret_names": ["token"],
    "created_at": "2025-06-15T15:06:40Z", "updated_at": "2025-06-15T15:06:40Z",
}  # fmt: skip


def answer(request: httpx.Request) -> httpx.Response:
    if request.method == "DELETE":
        return httpx.Response(204)
    if request.url.path.endswith("/test"):
        return httpx.Response(200, json={"ok": True, "checked": "token"})
    listed = request.method == "GET" and request.url.path == "/v1/connections"
    return httpx.Response(200, json={"data": [TEAM]} if listed else TEAM)


def test_each_call_is_what_the_server_offers() -> None:
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or answer(request))
    with Client("http://flowray", transport=transport) as client:
        assert [each.kind for each in client.connections.list()] == ["bearer"]
        assert client.connections.get("a/b").secret_names == ["token"]
        assert client.connections.make("a", "bearer", provider="slack", secrets={"token": "t"}).name == "a/b"
        assert client.connections.change("a/b", secrets={"token": None}).name == "a/b"
        assert client.connections.test("a/b").ok
        client.connections.delete("a/b")
    assert [(request.method, request.url.raw_path) for request in seen] == [
        ("GET", b"/v1/connections"), ("GET", b"/v1/connections/a%2Fb"), ("POST", b"/v1/connections"),
        ("PATCH", b"/v1/connections/a%2Fb"), ("POST", b"/v1/connections/a%2Fb/test"),
        ("DELETE", b"/v1/connections/a%2Fb"),
    ]  # fmt: skip
    assert json.loads(seen[2].content) == {
        "name": "a", "kind": "bearer", "provider": "slack", "fields": {}, "secrets": {"token": "t"},
    }  # fmt: skip
    assert json.loads(seen[3].content) == {"secrets": {"token": None}}


async def test_the_asynchronous_client_does_the_same() -> None:
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(answer)) as client:
        assert [each.name for each in await client.connections.list()] == ["a/b"]
        assert (await client.connections.get("a/b")).name == "a/b"
        assert (await client.connections.make("a", "sandbox")).name == "a/b"
        assert (await client.connections.change("a/b", provider="x")).name == "a/b"
        assert (await client.connections.test("a/b")).checked == "token"
        await client.connections.delete("a/b")


def test_both_offer_the_same() -> None:
    def offered(kind: type) -> dict[str, list[str]]:
        functions = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(function).parameters) for name, function in functions}

    assert offered(Connections) == offered(AsyncConnections)
