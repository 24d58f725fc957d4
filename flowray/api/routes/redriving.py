"""The route that sets crashed executions going again."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context
from flowray.api.http.answers import json_answer
from flowray.api.http.openapi import answers
from flowray.api.routes.executions import full_execution
from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import Fenced
from flowray.runtime.redriving import redrive_write

router = APIRouter(prefix="/v1", tags=["executions"])

TRIES = 3
"""A write is fenced only if another one reopened the execution, or it crashed once more, since the look at it."""


@router.post(
    "/executions/{execution_id}/redrive",
    summary="Let a crashed execution go on",
    status_code=202,
    responses=answers({200: wire.Execution, 202: wire.Execution}, 404, 409, 503),
)
async def redrive_execution(execution_id: str, context: Context) -> Response:
    """Goes on where its log ends: what was completed stays, what was in flight runs again. 200 if it has not ended,
    409 if it has ended otherwise. Safe to repeat."""
    record = await context.execution(execution_id)
    reopened = await redrive(context, record)
    return json_answer(await full_execution(context, reopened), 200 if reopened is record else 202)


async def redrive(context: ApiContext, record: ExecutionRecord) -> ExecutionRecord:
    """Reopen an execution that has crashed; ``record`` itself if it has not ended. Raises EXECUTION_ENDED."""
    for _ in range(TRIES):
        if record.status not in TERMINAL_EXECUTION:
            return record
        if record.status != ExecutionStatus.CRASHED:
            raise FlowrayError(
                ErrorCode.EXECUTION_ENDED,
                f"execution {record.id!r} has ended as {record.status}; only a crashed one can be redriven",
                details={"execution_id": record.id},
                hint="run it again from any node with POST /v1/executions/{id}/rerun",
            )
        (result,) = await context.directory.write([redrive_write(record, context.services.now_ms())])
        record = await context.execution(record.id)
        if not isinstance(result, Fenced):
            break
    return record
