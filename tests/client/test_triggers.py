"""Calls about triggers: what both clients send, and what may be repeated."""

from __future__ import annotations

import inspect
import json
from typing import Any

import httpx
import pytest

from flowray.client import AsyncClient, Client
from flowray.client.triggers import AsyncTriggers, Triggers

TIME = "2026-01-01T00:00:00.000Z"
TRIGGER = {
    "id": "t/1", "workflow_id": "w", "kind": "manual", "name": "", "config": {}, "enabled": True, "revision": 1,
    "created_at": TIME, "updated_at": TIME,
}  # fmt: skip
STARTED = {"id": "e", "workflow_id": "w", "status": "queued", "events_url": "/e", "public_token": "p"}
DELIVERY = {"name": "order", "key": "k"}
PUBLICATION = {"workflow_id": "w", "published": True, "triggers": [TRIGGER]}


class Server:
    """Answers every call in its shape, and remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.raw_path.decode()
        self.seen.append((request.method, path, body))
        if request.method == "DELETE":
            return httpx.Response(204)
        for ending, answer in (
            ("/triggers?limit=5&kind=event", {"data": [TRIGGER]}), ("/history?limit=50", {"data": []}),
            ("/execute", STARTED), ("/test", STARTED), ("/events", DELIVERY), ("publish", PUBLICATION),
        ):  # fmt: skip
            if path.endswith(ending):
                return httpx.Response(200, json=answer)
        return httpx.Response(200, json=TRIGGER)


EXPECTED: list[tuple[str, str, Any]] = [
    ("POST", "/v1/triggers",
     {"workflow_id": "w", "kind": "schedule", "config": {"every": "1h"}, "name": "", "enabled": True}),
    ("GET", "/v1/triggers?limit=5&kind=event", None),
    ("GET", "/v1/triggers/t%2F1", None),
    ("PATCH", "/v1/triggers/t%2F1", {"input_mapping": None}),
    ("POST", "/v1/triggers/t%2F1/enable", None),
    ("POST", "/v1/triggers/t%2F1/disable", None),
    ("POST", "/v1/triggers/t%2F1/secret", None),
    ("POST", "/v1/triggers/t%2F1/execute", {"payload": {"a": 1}}),
    ("POST", "/v1/triggers/t%2F1/test", {}),
    ("GET", "/v1/triggers/t%2F1/history?limit=50", None),
    ("POST", "/v1/workflows/w/publish", None),
    ("POST", "/v1/workflows/w/unpublish", None),
    ("POST", "/v1/events", {"name": "order", "data": 1, "key": "k"}),
    ("DELETE", "/v1/triggers/t%2F1", None),
]  # fmt: skip


def test_the_calls_of_the_synchronous_client() -> None:
    server = Server()
    with Client("http://flowray", transport=httpx.MockTransport(server)) as client:
        calls = client.triggers
        assert calls.create("w", "schedule", config={"every": "1h"}).id == "t/1"
        assert calls.list(limit=5, kind="event").data[0].id == "t/1"
        assert calls.get("t/1").enabled
        calls.change("t/1", input_mapping=None)
        calls.enable("t/1")
        calls.disable("t/1")
        calls.new_secret("t/1")
        assert calls.execute("t/1", {"a": 1}).id == "e"
        assert calls.test("t/1").id == "e"
        assert calls.history("t/1").data == []
        assert calls.publish("w").published
        calls.unpublish("w")
        assert calls.deliver("order", 1, key="k").fired == []
        calls.delete("t/1")
    assert server.seen == EXPECTED


async def test_the_calls_of_the_asynchronous_client() -> None:
    server = Server()
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(server)) as client:
        calls = client.triggers
        await calls.create("w", "schedule", config={"every": "1h"})
        await calls.list(limit=5, kind="event")
        await calls.get("t/1")
        await calls.change("t/1", input_mapping=None)
        await calls.enable("t/1")
        await calls.disable("t/1")
        await calls.new_secret("t/1")
        await calls.execute("t/1", {"a": 1})
        await calls.test("t/1")
        await calls.history("t/1")
        await calls.publish("w")
        await calls.unpublish("w")
        await calls.deliver("order", 1, key="k")
        await calls.delete("t/1")
    assert server.seen == EXPECTED


def test_both_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found = {name: value for name, value in vars(kind).items() if callable(value) and not name.startswith("_")}
        return {name: list(inspect.signature(value).parameters) for name, value in found.items()}

    assert methods(AsyncTriggers) == methods(Triggers)


@pytest.mark.parametrize(("call", "attempts"), [("execute", 2), ("deliver", 2), ("new_secret", 1), ("enable", 2)])
def test_only_what_says_the_same_twice_is_repeated(call: str, attempts: int) -> None:
    server, seen = Server(), []

    def lost(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers.get("Idempotency-Key"), request.content))
        if len(seen) == 1:
            raise httpx.ReadError("the answer is lost")
        return server(request)

    with Client("http://flowray", transport=httpx.MockTransport(lost), sleep=lambda _s: None) as client:
        try:
            getattr(client.triggers, call)("t")
        except Exception:
            assert attempts == 1
    assert (len(seen), len(set(seen))) == (attempts, 1)
