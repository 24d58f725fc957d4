"""Routes that pause executions and let them go on. What may be done in which state is the table of R56."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context, accepted
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.routes.executions import full_execution
from flowray.api.waitpoints.answering import answer, find_by_id, origin_of
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord, InboxRecord, WaitpointRecord
from flowray.runtime.waitpoints import OPEN, PAUSE, RESUME

router = APIRouter(prefix="/v1", tags=["executions"])

_ANSWERS = answers({200: wire.Execution, 202: wire.Execution}, 400, 404, 409, 422, 503)


@router.post(
    "/executions/{execution_id}/pause",
    summary="Pause an execution",
    status_code=202,
    responses=_ANSWERS,
    openapi_extra=body_of(wire.PauseRequest, required=False),
)
async def pause_execution(execution_id: str, request: Request, context: Context) -> Response:
    """202 once the request is kept: nothing new starts until it is resumed, what runs comes to its end. 200 if it is
    paused on request already, 409 if it has ended."""
    body = await read_model(request, wire.PauseRequest)
    record = await _active(context, execution_id)
    if await _is_held(context, execution_id):
        return json_answer(await full_execution(context, record))
    await _request(context, execution_id, PAUSE, {"reason": body.reason})
    return json_answer(await full_execution(context, await context.execution(execution_id)), 202)


@router.post(
    "/executions/{execution_id}/resume",
    summary="Let an execution go on",
    status_code=202,
    responses=_ANSWERS,
    openapi_extra=body_of(wire.ResumeRequest, required=False),
)
async def resume_execution(execution_id: str, request: Request, context: Context) -> Response:
    """Ends a requested pause, and answers a waitpoint: the one that is named, or the only one that is open if ``data``
    is given or nothing but it holds the execution. 202 once that is kept, 200 if there is nothing to resume. 409 if
    several waitpoints are open and none is named, or if it has ended."""
    body = await read_model(request, wire.ResumeRequest)
    record = await _active(context, execution_id)
    held = await _is_held(context, execution_id)
    target = await _target(context, record, body, held)
    if target is None and not held:
        if body.context_updates:
            raise _conflict(record, "it is not paused, so there is nothing that context_updates could come with")
        return json_answer(await full_execution(context, record))
    if target is not None:
        await answer(context, target, body.data, body.context_updates, origin=origin_of(request, "resume"))
    if held:
        variables = {} if target is not None else body.context_updates
        await _request(context, execution_id, RESUME, {"variables": variables})
    return json_answer(await full_execution(context, await context.execution(execution_id)), 202)


async def _active(context: ApiContext, execution_id: str) -> ExecutionRecord:
    record = await context.execution(execution_id)
    if record.status in TERMINAL_EXECUTION:
        raise FlowrayError(
            ErrorCode.EXECUTION_ENDED,
            f"execution {execution_id!r} has already ended as {record.status}",
            details={"execution_id": execution_id},
        )
    return record


async def _is_held(context: ApiContext, execution_id: str) -> bool:
    """Whether it is paused on request once everything in its inbox has been folded.

    The inbox first: what is folded before the second look shows there, what is folded after it was in the inbox.
    """
    rows = await context.read(context.directory.reader.inbox, execution_id)
    held = (await context.execution(execution_id)).pause is not None
    for row in rows:
        if row.kind in (PAUSE, RESUME):
            held = row.kind == PAUSE
    return held


async def _target(
    context: ApiContext, record: ExecutionRecord, body: wire.ResumeRequest, held: bool
) -> WaitpointRecord | None:
    """The waitpoint that a resume answers, if any."""
    if body.waitpoint_id is not None:
        return await find_by_id(context, record, body.waitpoint_id)
    gives_data = "data" in body.model_fields_set
    if held and not gives_data:
        return None
    page = await context.read(context.directory.reader.waitpoints, status=OPEN, execution_id=record.id, limit=50)
    if len(page.data) > 1:
        ids = ", ".join(sorted(waitpoint.id for waitpoint in page.data)[:10])
        raise _conflict(record, f"it waits for {len(page.data)} answers; name one by waitpoint_id: {ids}")
    if gives_data and not page.data:
        raise _conflict(record, "it waits for no answer, so there is nothing that data could be for")
    return page.data[0] if page.data else None


async def _request(context: ApiContext, execution_id: str, kind: str, data: dict[str, Any]) -> None:
    row = InboxRecord(
        id=context.services.new_id(),
        execution_id=execution_id,
        kind=kind,
        data=data,
        received_at=context.services.now_ms(),
    )
    accepted(await context.directory.request(row))


def _conflict(record: ExecutionRecord, why: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.CONFLICT,
        f"execution {record.id!r} is {record.status}: {why}",
        details={"execution_id": record.id},
    )
