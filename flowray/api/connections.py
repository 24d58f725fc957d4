"""Making, changing and trying connections: what the routes do beyond reading bodies and writing answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from flowray import wire
from flowray.api.context import ApiContext, not_found
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connection_kinds import check_connection
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.integration import TO_THE_SANDBOX
from flowray.handlers.integrations.naming import provider_name
from flowray.handlers.masking import hidden_values, mask_text
from flowray.handlers.operations import Integrations, OperationCall
from flowray.persistence.connections.records import ConnectionRecord
from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes import AnyResult, AnyWrite
from flowray.persistence.writes.connections import SaveConnection
from flowray.runtime.connections import StoredConnections

TRY_TIMEOUT_MS = 20_000


async def make(context: ApiContext, body: wire.ConnectionRequest) -> ConnectionRecord:
    """A new one. Raises INVALID_REQUEST for what its kind does not take, CONFLICT for a name that is taken."""
    kind = ConnectionKind(body.kind)
    if body.name == TO_THE_SANDBOX.name:
        raise FlowrayError(ErrorCode.CONFLICT, "the connection 'sandbox' is there already, in every workspace")
    await _save(context, body.name, kind, body.provider, body.fields, body.secrets, only_new=True)
    return await found(context, body.name)


async def change(context: ApiContext, name: str, body: wire.ConnectionChange) -> ConnectionRecord:
    """One that is there. Raises NOT_FOUND, INVALID_REQUEST, CONFLICT if it has changed in between."""
    record = await found(context, name)
    secrets = await run_in_threadpool(_opened, context, record)
    secrets |= {key: value for key, value in body.secrets.items() if value is not None}
    kept = {key: value for key, value in secrets.items() if body.secrets.get(key, "") is not None}
    provider = record.provider if body.provider is None else body.provider
    fields = record.fields if body.fields is None else body.fields
    await _save(context, name, ConnectionKind(record.kind), provider, fields, kept, expected=record.version)
    return await found(context, name)


async def found(context: ApiContext, name: str) -> ConnectionRecord:
    """By name. Raises NOT_FOUND."""
    record = await context.read(context.directory.reader.connections.get, name)
    if record is None:
        raise not_found("connection", name)
    return record


async def try_out(context: ApiContext, name: str) -> dict[str, Any]:
    """``wire.ConnectionTest``: opens its secrets, gets a token if it needs one, calls what its provider has for it."""
    record = await found(context, name)
    if context.services.outside is None:
        await run_in_threadpool(_opened, context, record)
        return _outcome("secrets")
    http, integrations = context.services.outside()
    loop = asyncio.get_running_loop()
    connections = StoredConnections(
        context.directory.reader.connections, _ThroughTheDirectory(context, loop).commit, context.services.opener, http,
        context.services.now_ms,
    )  # fmt: skip
    checked = "token" if record.kind == ConnectionKind.OAUTH2 else "secrets"
    try:
        try:
            connection = await connections.get(DEFAULT_WORKSPACE, name)
        except FlowrayError as error:
            return _outcome(checked, error)
        return await _called(context, connection, integrations, checked)
    finally:
        close = getattr(http, "aclose", None)
        if close is not None:
            await close()


async def _called(
    context: ApiContext, connection: Connection, integrations: Integrations, checked: str
) -> dict[str, Any]:
    if not connection.provider:
        return _outcome(checked)
    hidden = hidden_values(connection.secrets.values())
    try:
        provider = await integrations.provider(connection.provider, connection)
        operations = await provider.operations()
        trial = next((operation for operation in operations.values() if operation.is_trial), None)
        if trial is None:
            return _outcome(checked)
        call = OperationCall(trial, {}, context.services.now_ms, connection=connection, timeout_ms=TRY_TIMEOUT_MS)
        await provider.call(call)
    except FlowrayError as error:
        return _outcome("operation", error, hidden=hidden)
    return _outcome("operation", operation=trial.name)


def _outcome(
    checked: str, error: FlowrayError | None = None, *, operation: str | None = None, hidden: Sequence[str] = ()
) -> dict[str, Any]:
    code, message = (None, "") if error is None else (error.code, mask_text(error.message, hidden))
    return {"ok": error is None, "checked": checked, "operation": operation, "code": code, "message": message}


def _opened(context: ApiContext, record: ConnectionRecord) -> dict[str, str]:
    if not record.sealed:
        return {}
    return context.services.opener().open(record.workspace_id, record.name, record.sealed)


async def _save(
    context: ApiContext, name: str, kind: ConnectionKind, provider: str, fields: Mapping[str, str],
    secrets: dict[str, str], *, only_new: bool = False, expected: int | None = None,
) -> None:  # fmt: skip
    check_connection(kind, fields, secrets)
    sealed = ""
    if secrets:
        sealed = await run_in_threadpool(lambda: context.services.opener().seal(DEFAULT_WORKSPACE, name, secrets))
    await context.write(
        SaveConnection(
            name=name, id=context.services.new_id(), kind=kind.value, fields=dict(fields), sealed=sealed,
            provider=provider_name(provider) if provider else "", secret_names=sorted(secrets), only_new=only_new,
            expected_version=expected,
        )
    )  # fmt: skip


class _ThroughTheDirectory:
    """Commits through the process that writes (R26), from a thread beside the event loop."""

    def __init__(self, context: ApiContext, loop: asyncio.AbstractEventLoop) -> None:
        self._context, self._loop = context, loop

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        waiting = asyncio.run_coroutine_threadsafe(self._write(writes), self._loop)
        return waiting.result()

    async def _write(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        return list(await self._context.directory.write(list(writes)))
