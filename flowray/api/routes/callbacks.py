"""Routes of callbacks: what was to be told, how far that is, and telling it again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context, not_found
from flowray.api.http.answers import json_answer
from flowray.api.http.openapi import answers
from flowray.api.http.parameters import Cursor, Limit
from flowray.api.views.rows import page_view, time_or_none
from flowray.eventlog.sse import iso_time
from flowray.persistence.callbacks.records import PENDING, CallbackRecord
from flowray.persistence.writes.callbacks import RedeliverCallback

router = APIRouter(prefix="/v1", tags=["callbacks"])

Status = Annotated[
    Literal["pending", "delivered", "given_up"] | None, Query(description="Only these; `given_up` is what failed.")
]


@router.get("/callbacks", summary="List callbacks", responses=answers({200: wire.CallbackPage}, 400))
async def list_callbacks(
    context: Context,
    status: Status = None,
    execution_id: Annotated[str | None, Query(description="Only those of this execution.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Newest first, with the reason of those that were given up."""
    reader = context.directory.reader.callbacks
    page = await context.read(reader.callbacks, status=status, execution_id=execution_id, limit=limit, cursor=cursor)
    return json_answer(page_view(page, map(callback_view, page.data)))


@router.get(
    "/executions/{execution_id}/callbacks",
    summary="List the callbacks of an execution",
    responses=answers({200: wire.CallbackPage}, 400, 404),
)
async def list_callbacks_of(execution_id: str, context: Context, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """What its starter was told, newest first."""
    await context.execution(execution_id)
    reader = context.directory.reader.callbacks
    page = await context.read(reader.callbacks, execution_id=execution_id, limit=limit, cursor=cursor)
    return json_answer(page_view(page, map(callback_view, page.data)))


@router.post(
    "/callbacks/{callback_id}/redeliver",
    summary="Deliver a callback again",
    status_code=202,
    responses=answers({202: wire.Callback}, 404, 503),
)
async def redeliver(callback_id: str, context: Context) -> Response:
    """Whatever became of it; with the same id, and with all its attempts again."""
    await context.write(RedeliverCallback(id=callback_id))
    found = await context.read(context.directory.reader.callbacks.callback, callback_id)
    if found is None:
        raise not_found("callback", callback_id)
    return json_answer(callback_view(found), 202)


def callback_view(record: CallbackRecord) -> dict[str, Any]:
    """``wire.Callback``."""
    return {
        "id": record.id,
        "execution_id": record.execution_id,
        "event": record.event,
        "seq": record.seq,
        "url": record.url,
        "status": record.status,
        "attempts": record.attempts,
        "next_at": iso_time(record.next_at) if record.status == PENDING else None,
        "last_status": record.last_status,
        "last_error": record.last_error,
        "created_at": iso_time(record.created_at),
        "delivered_at": time_or_none(record.delivered_at),
    }
