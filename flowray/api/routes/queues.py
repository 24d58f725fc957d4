"""Routes of queues: who waits where, and changing limits while executions run."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context, not_found
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import Cursor, Limit
from flowray.api.views.rows import page_view, time_or_none
from flowray.persistence.records import QueueRecord
from flowray.persistence.writes.queues import ConfigureQueue

router = APIRouter(prefix="/v1", tags=["queues"])

MAX_NAME_CHARS = 200


@router.get("/queues", summary="List queues", responses=answers({200: wire.QueuePage}, 400))
async def list_queues(context: Context, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """By name: queues that were given limits, and those with executions that have not ended."""
    page = await context.read(context.directory.reader.queues.page, limit=limit, cursor=cursor)
    return json_answer(page_view(page, map(queue_view, page.data)))


@router.get("/queues/{name}", summary="Get a queue", responses=answers({200: wire.Queue}, 404))
async def get_queue(name: str, context: Context) -> Response:
    """Its limits, and how many run and wait. ``global`` is the queue of all executions together."""
    return json_answer(queue_view(await _queue(context, name)))


@router.patch(
    "/queues/{name}",
    summary="Change the limits of a queue",
    responses=answers({200: wire.Queue}, 400, 404, 422, 503),
    openapi_extra=body_of(wire.QueuePatch),
)
async def change_queue(name: str, request: Request, context: Context) -> Response:
    """In force from the next start on, without a restart; what runs is never stopped. A queue that is not there yet is
    made. What definitions say about a queue that was changed here no longer counts."""
    body = await read_model(request, wire.QueuePatch)
    changes: dict[str, Any] = {field: getattr(body, field) for field in body.model_fields_set}
    if changes.get("overridden") is None:
        changes["overridden"] = True
    return await _configured(context, name, changes)


@router.post("/queues/{name}/pause", summary="Pause a queue", responses=answers({200: wire.Queue}, 404, 503))
async def pause_queue(name: str, context: Context) -> Response:
    """Nothing of it starts any more; what has started goes on. Safe to repeat."""
    return await _configured(context, name, {"paused": True})


@router.post("/queues/{name}/resume", summary="Resume a queue", responses=answers({200: wire.Queue}, 404, 503))
async def resume_queue(name: str, context: Context) -> Response:
    """Executions start again, as far as the limits allow. Safe to repeat."""
    return await _configured(context, name, {"paused": False})


async def _configured(context: ApiContext, name: str, changes: dict[str, Any]) -> Response:
    if not 0 < len(name) <= MAX_NAME_CHARS:
        raise not_found("queue", name)
    await context.write(ConfigureQueue(name=name, changes=changes, ts=context.services.now_ms()))
    return json_answer(queue_view(await _queue(context, name)))


async def _queue(context: ApiContext, name: str) -> QueueRecord:
    record = await context.read(context.directory.reader.queues.get, name)
    if record is None:
        raise not_found("queue", name)
    return record


def queue_view(record: QueueRecord) -> dict[str, Any]:
    """``wire.Queue``."""
    return {
        "name": record.name,
        "max_concurrent": record.max_concurrent,
        "max_per_key": record.max_per_key,
        "paused": record.paused,
        "overridden": record.overridden,
        "running": record.running,
        "waiting": record.waiting,
        "delayed": record.delayed,
        "updated_at": time_or_none(record.updated_at or None),
    }
