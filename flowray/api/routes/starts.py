"""Routes that start an execution: of a stored workflow, or of a definition in the request."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context
from flowray.api.http.answers import EVENT_STREAM, accepts, event_stream, json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.error_responses import BodyError
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import IdempotencyKey, Strict, Wait
from flowray.api.routes.executions import full_execution
from flowray.api.starts.points import past_execution, select_by_options
from flowray.api.starts.queueing import declare_queue
from flowray.api.starts.starting import (
    StartedExecution,
    WorkflowSource,
    check_options,
    fit_inputs,
    idempotency_key,
    in_version,
    make_record,
    request_hash,
    start_executions,
)
from flowray.api.streams.events import EventFilter, EventFrames, accepted_frame, execution_frames
from flowray.api.streams.waiting import check_wait, wait_until_settled
from flowray.api.views.rows import execution_url, started_view
from flowray.errors import ErrorCode

router = APIRouter(prefix="/v1", tags=["executions"])

_RESPONSES = {
    **answers({200: wire.Execution, 202: wire.ExecutionStarted}, 400, 404, 409, 413, 415, 422, 501, 503),
}
_RESPONSES[200] = {
    **_RESPONSES[200],
    "description": "With ?wait=: the execution, ended or paused. With Accept: text/event-stream: its events.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@router.post(
    "/workflows/{workflow_id}/execute",
    summary="Start a workflow",
    status_code=202,
    responses=_RESPONSES,
    openapi_extra=body_of(wire.ExecuteRequest, required=False),
)
async def execute_workflow(
    workflow_id: str,
    request: Request,
    context: Context,
    wait: Wait = None,
    strict: Strict = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """202 once the execution is kept. It runs on whether or not the caller stays."""
    check_wait(wait, context.options.max_wait_s, accepts(request, EVENT_STREAM))
    body = await read_model(request, wire.ExecuteRequest)
    return await _start(request, context, workflow_id, None, body, wait, strict, idempotency_key)


@router.post(
    "/executions",
    summary="Start a definition, or a workflow by its id",
    status_code=202,
    responses=_RESPONSES,
    openapi_extra=body_of(wire.StartRequest),
)
async def start_execution(
    request: Request,
    context: Context,
    wait: Wait = None,
    strict: Strict = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """As above; a definition in the request is not stored as a workflow, and its execution has ``workflow_id`` null."""
    check_wait(wait, context.options.max_wait_s, accepts(request, EVENT_STREAM))
    body = await read_model(request, wire.StartRequest)
    if (body.definition is None) == (body.workflow_id is None):
        raise BodyError(
            ErrorCode.INVALID_REQUEST,
            "give exactly one of 'definition' and 'workflow_id'",
            details={"errors": [{"pointer": "/definition", "message": "exactly one of definition and workflow_id"}]},
        )
    return await _start(request, context, body.workflow_id, body.definition, body, wait, strict, idempotency_key)


async def _start(
    request: Request,
    context: ApiContext,
    workflow_id: str | None,
    definition: Any,
    body: wire.ExecuteRequest,
    wait: float | None,
    strict: bool,
    key_header: str | None,
) -> Response:
    source = await load_source(context, workflow_id, definition, body.options, strict)
    key = idempotency_key(key_header, body.options)
    past = await past_execution(context, body.options)
    inputs = fit_inputs(source, body.inputs if past is None else {**past.inputs, **body.inputs})
    # Only a key makes anybody ask whether two requests are the same; a definition may be large.
    body_hash = _hash_of(workflow_id, definition, body) if key is not None else None
    record = make_record(context, source, inputs, body.options, key=key, body_hash=body_hash)
    record = await select_by_options(context, record, source.compiled.plan, body.options, past)
    (started,) = await start_executions(context, [record], source.compiled.plan_bytes)
    return await answer_start(request, context, started, workflow_id, wait)


def _hash_of(workflow_id: str | None, definition: Any, body: wire.ExecuteRequest) -> str:
    return request_hash(
        {
            "workflow_id": workflow_id,
            "definition": definition,
            "inputs": body.inputs,
            "options": body.options.model_dump(mode="json", exclude={"idempotency_key", "idempotency_ttl_ms"}),
        }
    )


async def load_source(
    context: ApiContext, workflow_id: str | None, definition: Any, options: wire.StartOptions, strict: bool
) -> WorkflowSource:
    """What a request wants to run. Raises NOT_FOUND, INVALID_DEFINITION, and what ``check_options`` raises."""
    workflow = await context.workflow(workflow_id) if workflow_id is not None else None
    check_options(options, workflow)
    if workflow is None:
        compiled = await context.compiler.document(definition, trigger=options.trigger)
    else:
        workflow = await in_version(context, workflow, options.version)
        compiled = await context.compiler.stored(workflow.hash, workflow.definition, options.trigger)
    if strict:
        compiled.refuse_unknown_types()
    await declare_queue(context, compiled, workflow_id)
    return WorkflowSource(compiled, workflow)


async def answer_start(
    request: Request, context: ApiContext, started: StartedExecution, workflow_id: str | None, wait: float | None
) -> Response:
    """202 with the execution's id, or what the caller prefers: its outcome after ``wait`` seconds, or its events."""
    headers = {"Location": execution_url(started.id)}
    if started.replayed:
        headers["Idempotent-Replayed"] = "true"
    if wait is not None:
        record = await wait_until_settled(context, started.id, wait)
        if record is not None:
            return json_answer(await full_execution(context, record), 200, headers)
        headers["Retry-After"] = "1"
    view = started_view(started.id, workflow_id, started.status, context.services.tokens.issue(started.id))
    if accepts(request, EVENT_STREAM):
        frames = EventFrames(started.id, EventFilter())
        # The row of a new execution need not be read again: its stream begins with the first event, whatever follows.
        record = started.record or await context.execution(started.id)
        return event_stream(execution_frames(context, record, 0, frames, accepted_frame(view)), headers)
    return json_answer(view, 202, headers)
