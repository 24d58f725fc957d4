"""The route of an execution's whole state, for people and for export."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from flowray import wire
from flowray.api.answers import json_answer
from flowray.api.context import Context
from flowray.api.openapi import answers
from flowray.engine.plan_index import PlanIndex
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Reader
from flowray.plan import plan_from_json
from flowray.runtime.snapshots import load_state, snapshot_document

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
