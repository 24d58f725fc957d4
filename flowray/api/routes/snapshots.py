"""Routes of an execution's whole state: for people, and to take it to another database."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context, accepted
from flowray.api.http.answers import json_answer
from flowray.api.http.openapi import answers
from flowray.api.routes.executions import full_execution
from flowray.engine.plan_index import PlanIndex
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Reader
from flowray.persistence.writes import Existing
from flowray.plan import plan_from_json
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.exchange import (
    Incoming,
    as_new,
    choose_payloads,
    export_execution,
    is_the_same,
    read_document,
    with_payloads,
)
from flowray.runtime.snapshots import load_state, snapshot_document
from flowray.values import decode_json

router = APIRouter(prefix="/v1", tags=["executions"])


@router.get(
    "/executions/{execution_id}/snapshot",
    summary="Get the whole state of an execution",
    responses=answers({200: wire.Snapshot}, 404, 422),
)
async def get_snapshot(execution_id: str, context: Context) -> Response:
    """Folded from its snapshot, if it has rested, and its log. Large values stand as descriptors; tokens are in it, so
    public tokens are no key to it."""
    record = await context.execution(execution_id)
    return json_answer(await run_in_threadpool(_document, context.directory.reader, record))


def _document(reader: Reader, record: ExecutionRecord) -> dict[str, Any]:
    plan = reader.plan(record.plan_hash)
    if plan is None:
        raise FlowrayError(ErrorCode.NOT_FOUND, "the plan of this execution is no longer kept")
    index = PlanIndex(plan_from_json(plan))
    return snapshot_document(record, index, load_state(reader, record, index))


@router.get(
    "/executions/{execution_id}/export",
    summary="Export an execution",
    responses=answers({200: wire.ExecutionDocument}, 404, 409, 422),
)
async def get_export(execution_id: str, context: Context) -> Response:
    """One document with its plan, row, log, waitpoints with their tokens, and stored values, for POST
    /v1/executions/import of another server. 409 as long as something in it runs. It stays here, too: cancel it if it is
    to go on there."""
    await context.execution(execution_id)
    now = context.services.now_ms()
    document = await run_in_threadpool(export_execution, context.directory.reader, execution_id, now)
    inline, elsewhere = choose_payloads(document)
    loaded = {payload_id: await context.directory.load_payload(payload_id) for payload_id in inline}
    return json_answer(await run_in_threadpool(with_payloads, document, loaded, elsewhere))


@router.post(
    "/executions/import",
    summary="Import an execution",
    status_code=201,
    responses=answers({200: wire.Execution, 201: wire.Execution}, 400, 409, 410, 413, 422, 503),
)
async def import_execution(request: Request, context: Context) -> Response:
    """The body is what an export answered. It goes on here where it rests there, under the same id, and its tokens
    count. 200 if it has been imported before, 409 if another execution has its id."""
    incoming = as_new(await run_in_threadpool(_incoming, await request.body()), context.services.now_ms())
    await _keep_payloads(context, incoming)
    reached(CrashPoint.IMPORT_KEPT)
    result = accepted(await context.write(incoming.write))
    reached(CrashPoint.IMPORT_DURABLE)
    its_id = incoming.write.record.id
    if isinstance(result, Existing) and not await run_in_threadpool(is_the_same, context.directory.reader, incoming):
        raise FlowrayError(
            ErrorCode.CONFLICT,
            f"there is another execution {its_id!r}",
            details={"execution_id": its_id},
        )
    await context.directory.wake([its_id])
    record = await context.execution(its_id)
    return json_answer(await full_execution(context, record), 200 if isinstance(result, Existing) else 201)


def _incoming(body: bytes) -> Incoming:
    """Documents are larger than what people write, so only JSON is read, and without bounds of its own."""
    try:
        return read_document(decode_json(body))
    except msgspec.DecodeError as error:
        raise FlowrayError(ErrorCode.MALFORMED_BODY, f"the body is not JSON: {error}") from error


async def _keep_payloads(context: ApiContext, incoming: Incoming) -> None:
    """Raises PAYLOAD_MISSING for one that is neither in the document nor here, INVALID_REQUEST for one under a wrong
    id."""
    for payload_id in incoming.elsewhere:
        await context.directory.load_payload(payload_id)
    for payload_id, data in incoming.payloads.items():
        kept = await context.directory.keep_payload(incoming.payload_owner, data)
        if kept != payload_id:
            raise FlowrayError(
                ErrorCode.INVALID_REQUEST, f"the document cannot be imported: {payload_id[:200]!r} is not what it says"
            )
