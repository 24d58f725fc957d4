"""The route that runs an ended execution again: whole or in part, as it was or changed."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context
from flowray.api.http.answers import EVENT_STREAM, accepts
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import IdempotencyKey, Wait
from flowray.api.routes.starts import answer_start
from flowray.api.starts.reruns import prepare_rerun
from flowray.api.starts.starting import idempotency_key as key_of
from flowray.api.starts.starting import request_hash, start_executions
from flowray.api.streams.waiting import check_wait

router = APIRouter(prefix="/v1", tags=["executions"])


@router.post(
    "/executions/{execution_id}/rerun",
    summary="Run an ended execution again",
    status_code=202,
    responses=answers({200: wire.Execution, 202: wire.ExecutionStarted}, 400, 404, 409, 410, 413, 415, 422, 501, 503),
    openapi_extra=body_of(wire.RerunRequest, required=False),
)
async def rerun_execution(
    execution_id: str,
    request: Request,
    context: Context,
    wait: Wait = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new execution, whose ``rerun_of`` is this one: from a node, of what failed, or whole. Nodes that do not run
    keep the outcomes that they had. 409 as long as the execution has not ended."""
    check_wait(wait, context.options.max_wait_s, accepts(request, EVENT_STREAM))
    body = await read_model(request, wire.RerunRequest)
    source = await context.execution(execution_id)
    key = key_of(idempotency_key, body.options)
    asked = {"rerun_of": execution_id, **body.model_dump(mode="json", exclude={"options": {"idempotency_key"}})}
    record, plan = await prepare_rerun(context, source, body, key, request_hash(asked))
    (started,) = await start_executions(context, [record], plan)
    return await answer_start(request, context, started, source.workflow_id, wait)
