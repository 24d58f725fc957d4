"""Routes of waitpoints: what waits for an answer, and answering it with a token, which is all the right one needs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import Cursor, IdempotencyKey, Limit, as_ms
from flowray.api.views.rows import page_view, waitpoint_view
from flowray.api.waitpoints.answering import Answer, answer, find_by_token, origin_of
from flowray.api.waitpoints.callback_bodies import read_callback
from flowray.api.waitpoints.shared import create_shared

router = APIRouter(prefix="/v1", tags=["waitpoints"])

Status = Annotated[
    Literal["open", "completed", "timed_out", "cancelled", "all"],
    Query(description="Which ones; those that still wait by default."),
]


@router.get("/waitpoints", summary="List what waits for an answer", responses=answers({200: wire.WaitpointPage}, 400))
async def list_waitpoints(
    context: Context,
    status: Status = "open",
    execution_id: Annotated[str | None, Query(description="Only those of this execution.")] = None,
    workflow_id: Annotated[str | None, Query(description="Only those of executions of this workflow.")] = None,
    kind: Annotated[str | None, Query(description="person, callback, event, waitpoint or shared.")] = None,
    tag: Annotated[str | None, Query(description="Only those with this tag.")] = None,
    expires_before: Annotated[datetime | None, Query(description="ISO 8601; UTC if it names no offset.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Newest first, each with the JSON Schema of its answer, from which a form can be made."""
    page = await context.read(
        context.directory.reader.waitpoints,
        status=None if status == "all" else status,
        execution_id=execution_id,
        workflow_id=workflow_id,
        kind=kind,
        tag=tag,
        expires_before=as_ms(expires_before),
        limit=limit,
        cursor=cursor,
    )
    return json_answer(page_view(page, (waitpoint_view(record) for record in page.data)))


@router.post(
    "/waitpoints",
    summary="Create a waitpoint of no execution",
    status_code=201,
    responses=answers({200: wire.CreatedWaitpoint, 201: wire.CreatedWaitpoint}, 400, 409, 413, 415, 422, 503),
    openapi_extra=body_of(wire.CreateWaitpointRequest, required=False),
)
async def create_waitpoint(request: Request, context: Context, idempotency_key: IdempotencyKey = None) -> Response:
    """It may be answered before anything waits for it, and any number of wait nodes may: by its token or its name. 200
    if an earlier request with the same name or key has created it."""
    body = await read_model(request, wire.CreateWaitpointRequest)
    record, is_new = await create_shared(context, body, idempotency_key or body.idempotency_key)
    callback_url = str(request.url_for("call_back", token=record.token))
    view = {**waitpoint_view(record), "already_created": not is_new, "callback_url": callback_url}
    return json_answer(view, 201 if is_new else 200)


@router.get("/waitpoints/{token}", summary="Get what a token answers", responses=answers({200: wire.Waitpoint}, 404))
async def get_waitpoint(token: str, context: Context) -> Response:
    """What is asked, for whoever has the token."""
    return json_answer(waitpoint_view(await find_by_token(context, token)))


@router.post(
    "/waitpoints/{token}/complete",
    summary="Answer a waitpoint",
    responses=answers({200: wire.Completion}, 400, 404, 409, 413, 422, 503),
    openapi_extra=body_of(wire.CompleteRequest, required=False),
)
async def complete_waitpoint(token: str, request: Request, context: Context) -> Response:
    """200 once the answer is kept: whatever dies next, it counts. The first one does; later ones get it back, with
    ``already_completed``. 422 for data that does not fit leaves the waitpoint open. Safe to repeat."""
    body = await read_model(request, wire.CompleteRequest)
    found, origin = await find_by_token(context, token), origin_of(request, "token")
    return _completion(await answer(context, found, body.data, by=body.by, origin=origin))


@router.post(
    "/waitpoints/{token}/callback",
    summary="Answer a waitpoint with the whole body",
    responses=answers({200: wire.Completion}, 400, 404, 409, 413, 422, 503),
)
async def call_back(token: str, request: Request, context: Context) -> Response:
    """For systems that post what they like: JSON or YAML, the fields and files of a form, or text is the answer, an
    empty body is null. The URL is all the right that is needed."""
    data, origin = await read_callback(request), origin_of(request, "callback")
    return _completion(await answer(context, await find_by_token(context, token), data, origin=origin))


def _completion(kept: Answer) -> Response:
    return json_answer({"status": "completed", "already_completed": kept.already, "data": kept.data})
