"""Routes of executions: look at them, list them, stop them. Starting is in ``starts``, what happens in ``events``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context, accepted
from flowray.api.filters import QueryFilter, filtered_page
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import Cursor, Limit, Token
from flowray.api.views.plans import WithLayout, plan_answer
from flowray.api.views.rows import ValueResolver, execution_view, page_view
from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import Refused
from flowray.plan import plan_from_json
from flowray.runtime.children import CANCEL
from flowray.values import to_wire

router = APIRouter(prefix="/v1", tags=["executions"])


@router.get("/executions", summary="List executions", responses=answers({200: wire.ExecutionPage}, 400))
async def list_executions(context: Context, wanted: QueryFilter, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Newest first; ``ids`` gives those in one page, in their order. Large outputs stand as descriptors."""
    page = await filtered_page(context, wanted, limit, cursor)
    return json_answer(page_view(page, (execution_view(record, to_wire(record.outputs)) for record in page.data)))


@router.get(
    "/executions/{execution_id}", summary="Get an execution", responses=answers({200: wire.Execution}, 401, 403, 404)
)
async def get_execution(execution_id: str, context: Context, token: Token = None) -> Response:
    """Status, progress, outputs, errors, and what it waits for."""
    check_token(context, token, execution_id)
    body = await full_execution(context, await context.execution(execution_id))
    if token is not None:
        # A public token is the right to read, and those of waitpoints are the right to steer.
        body["waiting_for"] = [{**entry, "token": None} for entry in body["waiting_for"]]
    return json_answer(body)


@router.get(
    "/executions/{execution_id}/children",
    summary="List what it has called",
    responses=answers({200: wire.ExecutionPage}, 400, 404),
)
async def list_children(execution_id: str, context: Context, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Executions of its sub-workflows, newest first; what those have called stands with them."""
    record = await context.execution(execution_id)
    page = await context.read(context.directory.reader.executions, parent_id=record.id, limit=limit, cursor=cursor)
    return json_answer(page_view(page, (execution_view(child, to_wire(child.outputs)) for child in page.data)))


@router.get(
    "/executions/{execution_id}/plan", summary="Get the plan that it runs", responses=answers({200: wire.PlanView}, 404)
)
async def get_execution_plan(
    execution_id: str, context: Context, with_layout: WithLayout = False, token: Token = None
) -> Response:
    """The plan with which it started, whatever has become of the workflow since."""
    check_token(context, token, execution_id)
    record = await context.execution(execution_id)
    plan = await context.read(context.directory.reader.plan, record.plan_hash)
    if plan is None:
        raise FlowrayError(ErrorCode.NOT_FOUND, "the plan of this execution is no longer kept")
    return await plan_answer(plan_from_json(plan), with_layout)


@router.get(
    "/executions/{execution_id}/public-token",
    summary="Get a new public token",
    responses=answers({200: wire.PublicToken}, 404),
)
async def get_public_token(execution_id: str, context: Context) -> Response:
    """The right to read this execution for the next 24 hours. A token cannot be renewed with itself alone."""
    record = await context.execution(execution_id)
    tokens = context.services.tokens
    expires_at = tokens.expires_at().isoformat().replace("+00:00", "Z")
    return json_answer({"public_token": tokens.issue(record.id), "expires_at": expires_at})


@router.post(
    "/executions/{execution_id}/cancel",
    summary="Stop an execution",
    status_code=202,
    responses=answers({200: wire.Execution, 202: wire.Execution}, 400, 404, 409, 422, 503),
    openapi_extra=body_of(wire.CancelRequest, required=False),
)
async def cancel_execution(execution_id: str, request: Request, context: Context) -> Response:
    """202 once the request is kept: from then on it will not complete. 200 if it was cancelled already, 409 if it has
    ended otherwise. Safe to repeat."""
    body = await read_model(request, wire.CancelRequest)
    record = await context.execution(execution_id)
    if record.status not in TERMINAL_EXECUTION:
        result = await context.directory.request(
            InboxRecord(
                id=context.services.new_id(),
                execution_id=execution_id,
                kind=CANCEL,
                data={"reason": body.reason},
                received_at=context.services.now_ms(),
                dedupe_key=CANCEL,
            )
        )
        ended_meanwhile = isinstance(result, Refused) and result.code == ErrorCode.EXECUTION_ENDED
        if not ended_meanwhile:
            accepted(result)
        record = await context.execution(execution_id)
        if not ended_meanwhile:
            return json_answer(await full_execution(context, record), 202)
    if record.status != ExecutionStatus.CANCELLED:
        raise FlowrayError(
            ErrorCode.EXECUTION_ENDED,
            f"execution {execution_id!r} has already ended as {record.status}",
            details={"execution_id": execution_id},
        )
    return json_answer(await full_execution(context, record), 200)


async def full_execution(context: ApiContext, record: ExecutionRecord) -> dict[str, Any]:
    """The execution with its stored outputs resolved, as far as an answer may be large."""
    resolver = ValueResolver(record.payload_owner, context.directory.load_payload, context.options.max_answer_bytes)
    return execution_view(record, await resolver.resolve(record.outputs))


def check_token(context: ApiContext, token: str | None, execution_id: str) -> None:
    """A token need not be given, but one that is must be right. Raises UNAUTHORIZED or FORBIDDEN."""
    if token is not None:
        context.services.tokens.check(token, execution_id)
