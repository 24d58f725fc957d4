"""Routes of named limits: what they are, who is under them, and changing them while executions run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context, not_found
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.views.rows import time_or_none
from flowray.eventlog.sse import iso_time
from flowray.persistence.limits.sharing import LimitStatus, LimitUse
from flowray.persistence.writes.limits import DeleteLimit, SaveLimit

router = APIRouter(prefix="/v1", tags=["limits"])

USES_SHOWN = 100

Name = Annotated[str, Path(min_length=1, max_length=100, description="As nodes name it; a provider's is its own name.")]


@router.get("/limits", summary="List named limits", responses=answers({200: wire.LimitList}))
async def list_limits(context: Context) -> Response:
    """By name, with how many attempts run under each and wait for it."""
    statuses = await context.read(context.directory.reader.limits.statuses)
    return json_answer({"data": [limit_view(status) for status in statuses]})


@router.get("/limits/{name}", summary="Get a named limit", responses=answers({200: wire.LimitDetail}, 404))
async def get_limit(name: Name, context: Context) -> Response:
    """Its bounds, what is free, and which attempts run under it and wait for it."""
    reader = context.directory.reader.limits
    status = await context.read(reader.status, name)
    if status is None:
        raise not_found("limit", name)
    uses = await context.read(reader.uses, name, USES_SHOWN)
    return json_answer({**limit_view(status), "uses": [use_view(use) for use in uses]})


@router.put(
    "/limits/{name}",
    summary="Define or change a named limit",
    responses=answers({200: wire.Limit}, 400, 422, 503),
    openapi_extra=body_of(wire.LimitRequest),
)
async def put_limit(name: Name, request: Request, context: Context) -> Response:
    """Holds at once, on all servers, for attempts that have not started; what runs goes on. A new one is found by
    nodes that name it within a second. Safe to repeat."""
    body = await read_model(request, wire.LimitRequest)
    await context.write(SaveLimit(name=name, rpm=body.rpm, tpm=body.tpm, concurrency=body.concurrency))
    status = await context.read(context.directory.reader.limits.status, name)
    if status is None:
        raise not_found("limit", name)
    return json_answer(limit_view(status))


@router.delete(
    "/limits/{name}", summary="Delete a named limit", status_code=204, responses=answers({204: "Deleted."}, 404, 503)
)
async def delete_limit(name: Name, context: Context) -> Response:
    """Whoever waits for it goes on: a limit that does not exist is none."""
    if await context.read(context.directory.reader.limits.status, name) is None:
        raise not_found("limit", name)
    await context.remove(DeleteLimit(name=name))
    return Response(status_code=204)


def limit_view(status: LimitStatus) -> dict[str, Any]:
    """``wire.Limit``."""
    record = status.record
    return {
        "name": record.name,
        "rpm": record.rpm,
        "tpm": record.tpm,
        "concurrency": record.concurrency,
        "used": status.used,
        "waiting": status.waiting,
        "available_requests": status.requests,
        "available_tokens": status.tokens,
        "paused_until": time_or_none(record.paused_until),
        "created_at": iso_time(record.created_at),
        "updated_at": iso_time(record.updated_at),
    }


def use_view(use: LimitUse) -> dict[str, Any]:
    """``wire.LimitUse``."""
    return {
        "execution_id": use.execution_id,
        "instance": use.instance,
        "attempt": use.attempt,
        "status": "waiting" if use.granted_at is None else "running",
        "since": iso_time(use.asked_at if use.granted_at is None else use.granted_at),
        "tokens": use.tokens,
    }
