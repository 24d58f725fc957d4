"""Routes of waitpoints: what waits for an answer, and answering it with a token, which is all the right one needs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.answering import Answer, answer, find_by_token
from flowray.api.answers import json_answer
from flowray.api.bodies import read_model, read_value
from flowray.api.context import Context
from flowray.api.openapi import answers, body_of
from flowray.api.parameters import Cursor, Limit
from flowray.api.views import page_view, waitpoint_view

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
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Newest first, each with the JSON Schema of its answer, from which a form can be made."""
    page = await context.read(
        context.directory.reader.waitpoints,
        status=None if status == "all" else status,
        execution_id=execution_id,
        limit=limit,
        cursor=cursor,
    )
    return json_answer(page_view(page, (waitpoint_view(record) for record in page.data)))


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
    return _completion(await answer(context, await find_by_token(context, token), body.data))


@router.post(
    "/waitpoints/{token}/callback",
    summary="Answer a waitpoint with the whole body",
    responses=answers({200: wire.Completion}, 400, 404, 409, 413, 422, 503),
)
async def call_back(token: str, request: Request, context: Context) -> Response:
    """For systems that post what they like: the JSON body is the answer, an empty one is null."""
    data = await read_value(request)
    return _completion(await answer(context, await find_by_token(context, token), data))


def _completion(kept: Answer) -> Response:
    return json_answer({"status": "completed", "already_completed": kept.already, "data": kept.data})
