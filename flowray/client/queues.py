"""Calls about queues, for both clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray import wire
from flowray.client.call import JSON, AsyncSender, Call, Sender, given, json_body, path, reading


def list_queues(limit: int, cursor: str | None) -> Call[wire.QueuePage]:
    """One page, by name."""
    return Call("GET", path("queues"), reading(wire.QueuePage), given(limit=limit, cursor=cursor))


def one_queue(method: str, name: str, *action: str, changes: Mapping[str, Any] | None = None) -> Call[wire.Queue]:
    """A call that answers with the queue. All may be repeated: they say what is to be, not what is to be done."""
    content = None if changes is None else json_body(changes)
    return Call(method, path("queues", name, *action), reading(wire.Queue), {}, content, JSON)


class Queues:
    """Calls about queues."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def list(self, *, limit: int = 50, cursor: str | None = None) -> wire.QueuePage:
        """One page, by name: queues that were given limits, and those with executions that have not ended."""
        return self._client.send(list_queues(limit, cursor))

    def get(self, name: str) -> wire.Queue:
        """Its limits, and how many run and wait. ``global`` is that of all executions. Raises NOT_FOUND."""
        return self._client.send(one_queue("GET", name))

    def change(self, name: str, **changes: Any) -> wire.Queue:
        """Set ``max_concurrent`` or ``max_per_key`` (None: no limit); ``overridden=False`` leaves them to definitions
        again. In force at once."""
        return self._client.send(one_queue("PATCH", name, changes=changes))

    def pause(self, name: str) -> wire.Queue:
        """Start nothing of it any more; what has started goes on."""
        return self._client.send(one_queue("POST", name, "pause"))

    def resume(self, name: str) -> wire.Queue:
        """Let executions start again."""
        return self._client.send(one_queue("POST", name, "resume"))


class AsyncQueues:
    """Calls about queues."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> wire.QueuePage:
        """One page, by name: queues that were given limits, and those with executions that have not ended."""
        return await self._client.send(list_queues(limit, cursor))

    async def get(self, name: str) -> wire.Queue:
        """Its limits, and how many run and wait. ``global`` is that of all executions. Raises NOT_FOUND."""
        return await self._client.send(one_queue("GET", name))

    async def change(self, name: str, **changes: Any) -> wire.Queue:
        """Set ``max_concurrent`` or ``max_per_key`` (None: no limit); ``overridden=False`` leaves them to definitions
        again. In force at once."""
        return await self._client.send(one_queue("PATCH", name, changes=changes))

    async def pause(self, name: str) -> wire.Queue:
        """Start nothing of it any more; what has started goes on."""
        return await self._client.send(one_queue("POST", name, "pause"))

    async def resume(self, name: str) -> wire.Queue:
        """Let executions start again."""
        return await self._client.send(one_queue("POST", name, "resume"))
