"""The connections of a lane: read from the store, opened here, and their tokens renewed by one process at a time."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind, NoConnections, connection_not_found
from flowray.handlers.handler import system_now_ms
from flowray.handlers.services import HttpTransport, Services
from flowray.persistence.connections.records import ConnectionReader, ConnectionRecord
from flowray.persistence.stores import Reader
from flowray.persistence.writes import AnyResult, AnyWrite, Done
from flowray.persistence.writes.connections import ClaimRenewal, SaveTokens
from flowray.runtime.patience import patiently
from flowray.runtime.token_grants import new_tokens

KEPT_S = 1.0
"""How long a connection is used without looking whether it has changed."""

MOST_KEPT = 1_000

EARLY_MS = 60_000
"""A token is renewed so long before it ends: a call takes time, and clocks differ."""

CLAIM_MS = 30_000
"""How long the one who renews a token may take before somebody else may try; longer than the request may last."""

ASK_AGAIN_S = 0.2
"""How often those who wait for somebody else's renewal look whether it is done."""


Commit = Callable[[Sequence[AnyWrite]], list[AnyResult]]
"""Commits writes and waits for it, in a thread; on SQLite in the one process that writes (R26)."""


class Opener(Protocol):
    """Seals and opens secrets; ``persistence.connections.sealing.Sealer``."""

    def seal(self, workspace_id: str, name: str, secrets: dict[str, str]) -> str: ...

    def open(self, workspace_id: str, name: str, sealed: str) -> dict[str, str]: ...


@dataclass
class _Kept:
    """An open connection, and until when by the monotonic clock it is used unseen."""

    connection: Connection
    version: int
    expires_at: int | None
    until: float


class StoredConnections:
    """The Connections of a lane or of the API. ``opener`` is made when the first secret is opened.

    ``commit`` keeps renewed tokens.
    """

    def __init__(
        self,
        reader: ConnectionReader,
        commit: Commit,
        opener: Callable[[], Opener],
        http: HttpTransport,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._reader, self._commit_writes, self._make_opener = reader, commit, opener
        self._http, self._now_ms, self._monotonic_s, self._sleep = http, now_ms, monotonic_s, sleep
        self._opener: Opener | None = None
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._renewals: dict[tuple[str, str], asyncio.Task[Connection]] = {}

    async def get(self, workspace_id: str, name: str) -> Connection:
        """See ``Connections.get``."""
        key = (workspace_id, name)
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._monotonic_s() and not self._is_ending(kept.expires_at):
            return kept.connection
        record = await self._read(workspace_id, name)
        if kept is not None and kept.version == record.version and not self._is_ending(record.expires_at):
            kept.until = self._monotonic_s() + KEPT_S
            return kept.connection
        if not self._needs_token(record):
            return self._keep(record, await self._open(record))
        # All of this process wait for one renewal; a caller that gives up does not stop it for the others.
        renewal = self._renewals.get(key)
        if renewal is None:
            renewal = self._renewals[key] = asyncio.create_task(self._renewed(record))
            renewal.add_done_callback(lambda _: self._renewals.pop(key, None))
        return await asyncio.shield(renewal)

    def _needs_token(self, record: ConnectionRecord) -> bool:
        if record.kind != ConnectionKind.OAUTH2:
            return False
        return "access_token" not in record.secret_names or self._is_ending(record.expires_at)

    async def _renewed(self, record: ConnectionRecord) -> Connection:
        while True:
            by = uuid.uuid4().hex
            claim = ClaimRenewal(
                name=record.name, version=record.version, by=by, for_ms=CLAIM_MS, workspace_id=record.workspace_id
            )
            if await self._commit(claim):
                renewed = await self._renew(record, by)
                if renewed is not None:
                    return renewed
            else:
                await self._sleep(ASK_AGAIN_S)
            record = await self._read(record.workspace_id, record.name)
            if not self._needs_token(record):
                return self._keep(record, await self._open(record))

    async def _renew(self, record: ConnectionRecord, by: str) -> Connection | None:
        """None if its owner has changed the connection meanwhile: that holds, and not what was just got."""
        given_back = SaveTokens(name=record.name, version=record.version, by=by, workspace_id=record.workspace_id)
        try:
            secrets = await self._open(record)
            tokens = await new_tokens(self._http, record.name, record.fields, secrets)
        except Exception:
            await self._commit(given_back)  # Whoever waits may try at once.
            raise
        sealer = await self._sealer()
        sealed = await asyncio.to_thread(sealer.seal, record.workspace_id, record.name, dict(tokens.secrets))
        expires_at = self._now_ms() + tokens.lifetime_s * 1_000
        write = msgspec.structs.replace(
            given_back, sealed=sealed, secret_names=sorted(tokens.secrets), expires_at=expires_at
        )
        if not await self._commit(write):
            return None
        now = msgspec.structs.replace(record, version=record.version + 1, expires_at=expires_at)
        return self._keep(now, dict(tokens.secrets))

    async def _commit(self, write: ClaimRenewal | SaveTokens) -> bool:
        (result,) = await patiently(lambda: self._commit_writes([write]))
        return isinstance(result, Done)

    async def _read(self, workspace_id: str, name: str) -> ConnectionRecord:
        record = await patiently(lambda: self._reader.get(name, workspace_id))
        if record is None:
            self._kept.pop((workspace_id, name), None)
            raise connection_not_found(name)
        return record

    async def _open(self, record: ConnectionRecord) -> dict[str, str]:
        if not record.sealed:
            return {}
        sealer = await self._sealer()
        return await asyncio.to_thread(sealer.open, record.workspace_id, record.name, record.sealed)

    async def _sealer(self) -> Opener:
        if self._opener is None:
            self._opener = await asyncio.to_thread(self._make_opener)
        return self._opener

    def _keep(self, record: ConnectionRecord, secrets: dict[str, str]) -> Connection:
        connection = Connection(
            name=record.name, kind=ConnectionKind(record.kind), provider=record.provider, fields=record.fields,
            secrets=secrets,
        )  # fmt: skip
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        until = self._monotonic_s() + KEPT_S
        self._kept[(record.workspace_id, record.name)] = _Kept(connection, record.version, record.expires_at, until)
        return connection

    def _is_ending(self, expires_at: int | None) -> bool:
        return expires_at is not None and expires_at - EARLY_MS <= self._now_ms()


def no_opener() -> Opener:
    """Of a process that was given none. Raises CONFIGURATION."""
    raise FlowrayError(
        ErrorCode.CONFIGURATION,
        "this process has no encryption key, so it can open no connection",
        hint="set FLOWRAY_ENCRYPTION_KEY, or let flowray make a key in its state folder",
    )


def with_connections(services: Services, reader: Reader, commit: Commit, opener: Callable[[], Opener]) -> Services:
    """``services`` of a process, with the connections that it may open; given ones are left as they are."""
    if not isinstance(services.connections, NoConnections):
        return services
    stored = StoredConnections(reader.connections, commit, opener, services.http, system_now_ms)
    return replace(services, connections=stored)
