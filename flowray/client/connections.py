"""Calls about connections, for both clients."""

from __future__ import annotations

from collections.abc import Mapping

from flowray import wire
from flowray.client.call import JSON, AsyncSender, Call, Sender, given, json_body, nothing, path, reading


def _list() -> Call[wire.ConnectionList]:
    return Call("GET", path("connections"), reading(wire.ConnectionList))


def _get(name: str) -> Call[wire.Connection]:
    return Call("GET", path("connections", name), reading(wire.Connection))


def _make(
    name: str, kind: str, provider: str, fields: Mapping[str, str], secrets: Mapping[str, str]
) -> Call[wire.Connection]:
    body = {"name": name, "kind": kind, "provider": provider, "fields": dict(fields), "secrets": dict(secrets)}
    # A repeat would answer CONFLICT for what the first has made.
    return Call("POST", path("connections"), reading(wire.Connection), {}, json_body(body), JSON, repeatable=False)


def _change(
    name: str, provider: str | None, fields: Mapping[str, str] | None, secrets: Mapping[str, str | None] | None
) -> Call[wire.Connection]:
    changes = given(
        provider=provider, fields=None if fields is None else dict(fields),
        secrets=None if secrets is None else dict(secrets),
    )  # fmt: skip
    return Call("PATCH", path("connections", name), reading(wire.Connection), {}, json_body(changes), JSON)


def _delete(name: str) -> Call[None]:
    # A repeat would answer NOT_FOUND for what the first has done.
    return Call("DELETE", path("connections", name), nothing, repeatable=False)


def _test(name: str) -> Call[wire.ConnectionTest]:
    return Call("POST", path("connections", name, "test"), reading(wire.ConnectionTest))


class Connections:
    """Accounts at other services, by name. Secrets go in and never come out."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def list(self) -> list[wire.Connection]:
        """All, by name."""
        return self._client.send(_list()).data

    def get(self, name: str) -> wire.Connection:
        """One. Raises NOT_FOUND."""
        return self._client.send(_get(name))

    def make(
        self, name: str, kind: str, *, provider: str = "", fields: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> wire.Connection:  # fmt: skip
        """A new one. Raises INVALID_REQUEST for what its kind does not take, CONFLICT for a name that is taken."""
        return self._client.send(_make(name, kind, provider, fields or {}, secrets or {}))

    def change(
        self, name: str, *, provider: str | None = None, fields: Mapping[str, str] | None = None,
        secrets: Mapping[str, str | None] | None = None,
    ) -> wire.Connection:  # fmt: skip
        """What is None stays; a secret that is None is removed. Raises NOT_FOUND, INVALID_REQUEST, CONFLICT."""
        return self._client.send(_change(name, provider, fields, secrets))

    def delete(self, name: str) -> None:
        """Delete it; nodes that name it fail from then on. Raises NOT_FOUND."""
        self._client.send(_delete(name))

    def test(self, name: str) -> wire.ConnectionTest:
        """Try it: does it open, does it get a token, does its provider accept it? Raises NOT_FOUND."""
        return self._client.send(_test(name))


class AsyncConnections:
    """Accounts at other services, by name. Secrets go in and never come out."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def list(self) -> list[wire.Connection]:
        """All, by name."""
        return (await self._client.send(_list())).data

    async def get(self, name: str) -> wire.Connection:
        """One. Raises NOT_FOUND."""
        return await self._client.send(_get(name))

    async def make(
        self, name: str, kind: str, *, provider: str = "", fields: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> wire.Connection:  # fmt: skip
        """A new one. Raises INVALID_REQUEST for what its kind does not take, CONFLICT for a name that is taken."""
        return await self._client.send(_make(name, kind, provider, fields or {}, secrets or {}))

    async def change(
        self, name: str, *, provider: str | None = None, fields: Mapping[str, str] | None = None,
        secrets: Mapping[str, str | None] | None = None,
    ) -> wire.Connection:  # fmt: skip
        """What is None stays; a secret that is None is removed. Raises NOT_FOUND, INVALID_REQUEST, CONFLICT."""
        return await self._client.send(_change(name, provider, fields, secrets))

    async def delete(self, name: str) -> None:
        """Delete it; nodes that name it fail from then on. Raises NOT_FOUND."""
        await self._client.send(_delete(name))

    async def test(self, name: str) -> wire.ConnectionTest:
        """Try it: does it open, does it get a token, does its provider accept it? Raises NOT_FOUND."""
        return await self._client.send(_test(name))
