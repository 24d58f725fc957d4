"""Routes that stop or repeat many executions by a filter, a page at a time. Must come before those of one execution."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import IdempotencyKey
from flowray.api.starts.bulk import cancel_page, rerun_page

router = APIRouter(prefix="/v1", tags=["executions"])


@router.post(
    "/executions/cancel",
    summary="Stop many executions",
    responses=answers({200: wire.BulkResult}, 400, 422, 503),
    openapi_extra=body_of(wire.BulkCancelRequest),
)
async def cancel_executions(request: Request, context: Context) -> Response:
    """Looks at one page of what the filter fits, newest first. Call again with ``next_cursor`` until there is none;
    safe to repeat from any of them. ``dry_run`` only lists."""
    return json_answer(await cancel_page(context, await read_model(request, wire.BulkCancelRequest)))


@router.post(
    "/executions/rerun",
    summary="Run many ended executions again",
    responses=answers({200: wire.BulkResult}, 400, 422, 503),
    openapi_extra=body_of(wire.BulkRerunRequest),
)
async def rerun_executions(request: Request, context: Context, idempotency_key: IdempotencyKey = None) -> Response:
    """As above. One that cannot be run again is listed with its error, the others go on. With a key, repeating a call
    starts nothing twice."""
    body = await read_model(request, wire.BulkRerunRequest)
    return json_answer(await rerun_page(context, body, idempotency_key or body.idempotency_key))
