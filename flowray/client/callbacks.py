"""Calls about callbacks, for both clients."""

from __future__ import annotations

from flowray import wire
from flowray.client.call import JSON, AsyncSender, Call, Sender, given, path, reading


def _list(status: str | None, execution_id: str | None, limit: int, cursor: str | None) -> Call[wire.CallbackPage]:
    params = given(status=status, execution_id=execution_id, limit=limit, cursor=cursor)
    return Call("GET", path("callbacks"), reading(wire.CallbackPage), params)


def _redeliver(callback_id: str) -> Call[wire.Callback]:
    # Receivers know repeats by their id, so one too many does no harm.
    return Call("POST", path("callbacks", callback_id, "redeliver"), reading(wire.Callback), {}, b"{}", JSON)


class Callbacks:
    """What the starters of executions are told."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def list(
        self,
        *,
        status: str | None = None,
        execution_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> wire.CallbackPage:
        """One page, newest first. ``status``: pending, delivered or given_up."""
        return self._client.send(_list(status, execution_id, limit, cursor))

    def redeliver(self, callback_id: str) -> wire.Callback:
        """Deliver it again, with the same id. Raises NOT_FOUND."""
        return self._client.send(_redeliver(callback_id))


class AsyncCallbacks:
    """What the starters of executions are told."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def list(
        self,
        *,
        status: str | None = None,
        execution_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> wire.CallbackPage:
        """One page, newest first. ``status``: pending, delivered or given_up."""
        return await self._client.send(_list(status, execution_id, limit, cursor))

    async def redeliver(self, callback_id: str) -> wire.Callback:
        """Deliver it again, with the same id. Raises NOT_FOUND."""
        return await self._client.send(_redeliver(callback_id))
