"""Callbacks through both clients."""

from __future__ import annotations

import inspect
from typing import Any

import httpx

from flowray.client import AsyncClient, Client
from flowray.client.callbacks import AsyncCallbacks, Callbacks

CALLBACK: dict[str, Any] = {
    "id": "cb_e_4", "execution_id": "e", "event": "execution.failed", "seq": 4, "url": "http://x/",
    "status": "given_up", "attempts": 12, "created_at": "2025-06-15T15:06:40Z",
}  # fmt: skip


def answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"data": [CALLBACK]} if request.method == "GET" else CALLBACK)


def test_each_call_is_what_the_server_offers() -> None:
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or answer(request))
    with Client("http://flowray", transport=transport) as client:
        assert client.callbacks.list(status="given_up").data[0].attempts == 12
        assert client.callbacks.redeliver("cb_e_4").id == "cb_e_4"
    assert [(request.method, request.url.raw_path) for request in seen] == [
        ("GET", b"/v1/callbacks?status=given_up&limit=50"), ("POST", b"/v1/callbacks/cb_e_4/redeliver"),
    ]  # fmt: skip


async def test_the_asynchronous_client_does_the_same() -> None:
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(answer)) as client:
        assert (await client.callbacks.list(execution_id="e")).data[0].event == "execution.failed"
        assert (await client.callbacks.redeliver("cb_e_4")).status == "given_up"


def test_both_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(found).parameters) for name, found in vars(kind).items() if callable(found)
        }

    assert methods(AsyncCallbacks) == methods(Callbacks)
