"""Routes of the memory that all executions of a workflow share: look at it, clear it. Only executions write it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context, not_found
from flowray.api.http.answers import json_answer
from flowray.api.http.openapi import answers
from flowray.api.http.parameters import Cursor, Limit
from flowray.api.views.rows import page_view
from flowray.eventlog.sse import iso_time
from flowray.persistence.records import MemoryRecord
from flowray.persistence.writes import ClearMemory

router = APIRouter(prefix="/v1", tags=["workflows"])

Prefix = Annotated[str, Query(description="Only keys that begin with this.")]


@router.get(
    "/workflows/{workflow_id}/memory",
    summary="List what a workflow remembers",
    responses=answers({200: wire.MemoryPage}, 400, 404),
)
async def list_memory(
    workflow_id: str, context: Context, limit: Limit = 50, cursor: Cursor = None, prefix: Prefix = ""
) -> Response:
    """Entries that its executions keep with `shared-memory` nodes of scope `workflow`, by key."""
    await context.workflow(workflow_id)
    memory = context.directory.reader.memory
    page = await context.read(memory.entries, workflow_id, prefix=prefix, limit=limit, cursor=cursor)
    size = await context.read(memory.size, workflow_id)
    body = page_view(page, map(entry_view, page.data))
    return json_answer({**body, "entries": size.entries, "bytes": size.bytes})


@router.get(
    "/workflows/{workflow_id}/memory/{key:path}",
    summary="Get one entry of a workflow's memory",
    responses=answers({200: wire.MemoryEntry}, 404),
)
async def get_memory(workflow_id: str, key: str, context: Context) -> Response:
    """As it is committed now."""
    await context.workflow(workflow_id)
    found = await context.read(context.directory.reader.memory.entry, workflow_id, key)
    if found is None:
        raise not_found("entry", key)
    return json_answer(entry_view(found))


@router.delete(
    "/workflows/{workflow_id}/memory",
    summary="Clear a workflow's memory",
    status_code=204,
    responses=answers({204: "Cleared."}),
)
async def clear_memory(workflow_id: str, context: Context) -> Response:
    """Removes all entries; executions go on and may add new ones."""
    await context.write(ClearMemory(workflow_id=workflow_id, ts=context.services.now_ms()))
    return Response(status_code=204)


@router.delete(
    "/workflows/{workflow_id}/memory/{key:path}",
    summary="Remove one entry of a workflow's memory",
    status_code=204,
    responses=answers({204: "Removed, or not there."}),
)
async def remove_memory(workflow_id: str, key: str, context: Context) -> Response:
    """Safe to repeat."""
    await context.write(ClearMemory(workflow_id=workflow_id, key=key, ts=context.services.now_ms()))
    return Response(status_code=204)


def entry_view(record: MemoryRecord) -> dict[str, Any]:
    """``wire.MemoryEntry``."""
    return {
        "key": record.key,
        "value": record.value,
        "bytes": record.bytes,
        "updated_at": iso_time(record.updated_at),
        "updated_by": record.updated_by,
    }
