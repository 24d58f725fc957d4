"""Calls about queues: what both clients send, and what they make of the answers."""

from __future__ import annotations

import inspect
import json

import httpx

from flowray.client import AsyncClient, Client
from flowray.client.queues import AsyncQueues, Queues

QUEUE = {"name": "mail/1", "max_concurrent": 2, "running": 1, "waiting": 3}


class Server:
    """Answers every call with the queue, and remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.seen.append((request.method, request.url.raw_path.decode(), body))
        is_page = request.url.path == "/v1/queues"
        return httpx.Response(200, json={"data": [QUEUE]} if is_page else QUEUE)


EXPECTED = [
    ("GET", "/v1/queues?limit=5&cursor=c", None),
    ("GET", "/v1/queues/mail%2F1", None),
    ("PATCH", "/v1/queues/mail%2F1", {"max_concurrent": None, "max_per_key": 1}),
    ("POST", "/v1/queues/mail%2F1/pause", None),
    ("POST", "/v1/queues/mail%2F1/resume", None),
]


def test_the_calls_of_the_synchronous_client() -> None:
    server = Server()
    with Client("http://flowray", transport=httpx.MockTransport(server)) as client:
        assert [queue.name for queue in client.queues.list(limit=5, cursor="c").data] == ["mail/1"]
        assert client.queues.get("mail/1").waiting == 3
        assert client.queues.change("mail/1", max_concurrent=None, max_per_key=1).max_concurrent == 2
        client.queues.pause("mail/1")
        client.queues.resume("mail/1")
    assert server.seen == EXPECTED


async def test_the_calls_of_the_asynchronous_client() -> None:
    server = Server()
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(server)) as client:
        assert [queue.name for queue in (await client.queues.list(limit=5, cursor="c")).data] == ["mail/1"]
        assert (await client.queues.get("mail/1")).waiting == 3
        await client.queues.change("mail/1", max_concurrent=None, max_per_key=1)
        await client.queues.pause("mail/1")
        await client.queues.resume("mail/1")
    assert server.seen == EXPECTED


def test_both_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
        return {name: list(inspect.signature(value).parameters) for name, value in found.items()}

    assert methods(AsyncQueues) == methods(Queues)
