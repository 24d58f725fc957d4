"""Routes of batches: start one, see how far it is, read its results."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context
from flowray.api.http.answers import JSON_LINES, json_answer, json_lines
from flowray.api.http.bodies import JSONL_TYPES, as_model, content_type, read_lines, read_model
from flowray.api.http.error_responses import BodyError
from flowray.api.http.openapi import answers, body_of, stream_answer
from flowray.api.http.parameters import IdempotencyKey, Strict
from flowray.api.routes.starts import load_source
from flowray.api.starts.batching import batch_id_of, batch_view, fit_rows, result_lines, start_batch
from flowray.api.starts.points import refuse_taking_over
from flowray.api.starts.starting import idempotency_key as key_of
from flowray.errors import ErrorCode

router = APIRouter(prefix="/v1", tags=["batches"])


@router.post(
    "/workflows/{workflow_id}/batches",
    summary="Run a workflow over many inputs",
    status_code=202,
    responses=answers({202: wire.BatchStarted}, 400, 404, 413, 415, 422, 501, 503),
    openapi_extra=body_of(wire.BatchRequest, text_type=JSON_LINES),
)
async def create_batch(
    workflow_id: str,
    request: Request,
    context: Context,
    strict: Strict = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """One execution for each row; the body is JSON, or JSONL with the inputs of one row in each line. Every row is
    checked before the first is started."""
    if content_type(request) in JSONL_TYPES:
        body = as_model({"inputs": await read_lines(request)}, wire.BatchRequest)
    else:
        body = await read_model(request, wire.BatchRequest)
    if len(body.inputs) > context.options.max_batch_rows:
        raise BodyError(
            ErrorCode.INVALID_REQUEST,
            f"a batch has at most {context.options.max_batch_rows:,} rows, not {len(body.inputs):,}",
            hint="send several batches",
        )
    refuse_taking_over(body.options)
    source = await load_source(context, workflow_id, None, body.options, strict)
    rows = fit_rows(source, body.inputs)
    key = key_of(idempotency_key, body.options)
    batch_id = batch_id_of(context, workflow_id, key)
    started = await start_batch(context, source, batch_id, rows, body.options, key)
    headers = {"Location": f"/v1/batches/{batch_id}"}
    if all(item.replayed for item in started):
        headers["Idempotent-Replayed"] = "true"
    answer = {
        "batch_id": batch_id,
        "workflow_id": workflow_id,
        "count": len(started),
        "executions": [item.id for item in started],
        "status_url": f"/v1/batches/{batch_id}",
        "results_url": f"/v1/batches/{batch_id}/results",
    }
    return json_answer(answer, 202, headers)


@router.get("/batches/{batch_id}", summary="How far a batch is", responses=answers({200: wire.Batch}, 404))
async def get_batch(batch_id: str, context: Context) -> Response:
    """Counts by status."""
    return json_answer(await batch_view(context, batch_id))


@router.get(
    "/batches/{batch_id}/results",
    summary="Results of a batch as JSON lines",
    responses={**answers({}, 404), 200: stream_answer("One wire.BatchResult per line, newest first.", JSON_LINES)},
)
async def get_batch_results(batch_id: str, context: Context) -> Response:
    """One line per execution, also of those that have not ended; ``index`` is its row."""
    await batch_view(context, batch_id)
    return json_lines(result_lines(context, batch_id))
