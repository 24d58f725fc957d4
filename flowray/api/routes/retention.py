"""Routes that forget an execution, and say what it takes."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context
from flowray.api.http.answers import json_answer
from flowray.api.http.openapi import answers
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes.retention import Deleted, DeleteExecutions, PurgeExecutions

router = APIRouter(prefix="/v1", tags=["executions"])


@router.delete(
    "/executions/{execution_id}",
    summary="Delete an ended execution",
    status_code=204,
    responses=answers({204: "Deleted."}, 404, 409, 503),
)
async def delete_execution(execution_id: str, context: Context) -> Response:
    """With its events, logs, answers and large values, and with all that it has called. 409 if it, or something that it
    has called, has not ended; if another execution has called it; and while a rerun of it runs."""
    record = await context.execution(execution_id)
    await _check_may_go(context, record)
    result = await context.write(DeleteExecutions(ids=(execution_id,), workspace_id=record.workspace_id))
    if not isinstance(result, Deleted) or execution_id not in result.ids:
        raise FlowrayError(
            ErrorCode.CONFLICT,
            f"execution {execution_id!r} is still needed: something that it has called, or a rerun of it, runs",
            details={"execution_id": execution_id},
            hint="wait for their end, or cancel them",
        )
    await _purge(context)
    return Response(status_code=204)


@router.get(
    "/executions/{execution_id}/storage",
    summary="What an execution takes",
    responses=answers({200: wire.Storage}, 404),
)
async def execution_storage(execution_id: str, context: Context) -> Response:
    """Bytes in the database and in the payload store."""
    await context.execution(execution_id)
    figures = await context.read(context.directory.reader.upkeep.storage, execution_id)
    files = await context.directory.payload_bytes(execution_id)
    counted = msgspec.structs.replace(figures, payloads=figures.payloads + files)
    body = {name: getattr(counted, name) for name in counted.__struct_fields__}
    return json_answer({"execution_id": execution_id, **body, "total": counted.total})


async def _check_may_go(context: ApiContext, record: ExecutionRecord) -> None:
    if record.status not in TERMINAL_EXECUTION:
        raise FlowrayError(
            ErrorCode.EXECUTION_NOT_ENDED,
            f"execution {record.id!r} is {record.status}: only what has ended can be deleted",
            details={"execution_id": record.id},
            hint="cancel it first",
        )
    if record.root_id is None:
        return
    caller = await context.read(context.directory.reader.execution, record.root_id)
    if caller is not None:  # One that was imported may have left it behind.
        raise FlowrayError(
            ErrorCode.CONFLICT,
            f"execution {record.id!r} belongs to {record.root_id!r}, which has called it",
            details={"execution_id": record.id},
            hint="delete the first caller; it goes with all that it has called",
        )


async def _purge(context: ApiContext) -> None:
    """A small execution is gone at once; what is left of a large one goes with the next round of retention."""
    await context.write(PurgeExecutions())
