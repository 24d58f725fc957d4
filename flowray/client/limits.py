"""Calls about named limits, for both clients."""

from __future__ import annotations

from flowray import wire
from flowray.client.call import JSON, AsyncSender, Call, Sender, given, json_body, nothing, path, reading


def _list() -> Call[wire.LimitList]:
    return Call("GET", path("limits"), reading(wire.LimitList))


def _get(name: str) -> Call[wire.LimitDetail]:
    return Call("GET", path("limits", name), reading(wire.LimitDetail))


def _put(name: str, rpm: int | None, tpm: int | None, concurrency: int | None) -> Call[wire.Limit]:
    body = json_body(given(rpm=rpm, tpm=tpm, concurrency=concurrency))
    return Call("PUT", path("limits", name), reading(wire.Limit), {}, body, JSON)


def _delete(name: str) -> Call[None]:
    # A repeat would answer NOT_FOUND for what the first has done.
    return Call("DELETE", path("limits", name), nothing, repeatable=False)


class Limits:
    """Named limits of resources, such as the providers of language models."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def list(self) -> list[wire.Limit]:
        """All, by name."""
        return self._client.send(_list()).data

    def get(self, name: str) -> wire.LimitDetail:
        """One, with the attempts that run under it and wait for it. Raises NOT_FOUND."""
        return self._client.send(_get(name))

    def set(
        self, name: str, *, rpm: int | None = None, tpm: int | None = None, concurrency: int | None = None
    ) -> wire.Limit:
        """Define it or change it, all bounds at once: None is no bound. Holds for what has not started."""
        return self._client.send(_put(name, rpm, tpm, concurrency))

    def delete(self, name: str) -> None:
        """Delete it; whoever waits for it goes on. Raises NOT_FOUND."""
        self._client.send(_delete(name))


class AsyncLimits:
    """Named limits of resources, such as the providers of language models."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def list(self) -> list[wire.Limit]:
        """All, by name."""
        return (await self._client.send(_list())).data

    async def get(self, name: str) -> wire.LimitDetail:
        """One, with the attempts that run under it and wait for it. Raises NOT_FOUND."""
        return await self._client.send(_get(name))

    async def set(
        self, name: str, *, rpm: int | None = None, tpm: int | None = None, concurrency: int | None = None
    ) -> wire.Limit:
        """Define it or change it, all bounds at once: None is no bound. Holds for what has not started."""
        return await self._client.send(_put(name, rpm, tpm, concurrency))

    async def delete(self, name: str) -> None:
        """Delete it; whoever waits for it goes on. Raises NOT_FOUND."""
        await self._client.send(_delete(name))
