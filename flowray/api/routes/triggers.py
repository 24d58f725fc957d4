"""Routes of triggers: set up, look at, switch, fire by hand, and what they have fired. Hooks are in ``hooks``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context, not_found
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.http.parameters import Cursor, IdempotencyKey, Limit
from flowray.api.starts.starting import idempotency_key as checked_key
from flowray.api.triggers.firing import fire, started_or_raise
from flowray.api.triggers.publishing import publish, unpublish
from flowray.api.triggers.setup import (
    create_trigger,
    database_now,
    find_trigger,
    firing_view,
    new_secret,
    patch_trigger,
    set_enabled,
    trigger_view,
)
from flowray.api.views.rows import execution_url, page_view, started_view
from flowray.engine.statuses import ExecutionStatus
from flowray.eventlog.sse import iso_time
from flowray.persistence.records.triggers import TriggerRecord
from flowray.persistence.writes.triggers import DeleteTrigger
from flowray.triggers.configs import EventConfig, ScheduleConfig, TriggerKind
from flowray.triggers.payloads import event_payload, tick_payload
from flowray.wire import StartOptions

router = APIRouter(prefix="/v1", tags=["triggers"])


@router.post(
    "/triggers",
    summary="Create a trigger",
    status_code=201,
    responses=answers({201: wire.Trigger}, 400, 404, 413, 422, 503),
    openapi_extra=body_of(wire.TriggerRequest),
)
async def post_trigger(request: Request, context: Context) -> Response:
    """Enabled unless it says otherwise. The answer is the only one that shows a secret that was made here."""
    record, made = await create_trigger(context, await read_model(request, wire.TriggerRequest))
    return json_answer(trigger_view(record, made), 201, {"Location": f"/v1/triggers/{record.id}"})


@router.get("/triggers", summary="List triggers", responses=answers({200: wire.TriggerPage}, 400))
async def list_triggers(
    context: Context,
    workflow_id: Annotated[str | None, Query(description="Only those of this workflow.")] = None,
    kind: Annotated[TriggerKind | None, Query(description="Only those of this kind.")] = None,
    enabled: Annotated[bool | None, Query(description="Only those that are, or are not.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Newest first, those of nodes among them."""
    page = await context.read(
        context.directory.reader.triggers.page,
        workflow_id=workflow_id,
        kind=None if kind is None else kind.value,
        enabled=enabled,
        limit=limit,
        cursor=cursor,
    )
    return json_answer(page_view(page, map(trigger_view, page.data)))


@router.get("/triggers/{trigger_id}", summary="Get a trigger", responses=answers({200: wire.Trigger}, 404))
async def get_trigger(trigger_id: str, context: Context) -> Response:
    """With its next tick, if it has one."""
    return json_answer(trigger_view(await find_trigger(context, trigger_id)))


@router.patch(
    "/triggers/{trigger_id}",
    summary="Change a trigger",
    responses=answers({200: wire.Trigger}, 400, 404, 409, 413, 422, 503),
    openapi_extra=body_of(wire.TriggerPatch),
)
async def change(trigger_id: str, request: Request, context: Context) -> Response:
    """What is left out stays. Config and mapping of a node's trigger belong to its definition: 409."""
    return json_answer(
        trigger_view(await patch_trigger(context, trigger_id, await read_model(request, wire.TriggerPatch)))
    )


@router.delete(
    "/triggers/{trigger_id}",
    summary="Delete a trigger",
    status_code=204,
    responses=answers({204: "Deleted."}, 404, 503),
)
async def delete_trigger(trigger_id: str, context: Context) -> Response:
    """Its history stays, and its executions run on. A node's trigger comes back when its workflow is saved."""
    if await context.read(context.directory.reader.triggers.get, trigger_id) is None:
        raise not_found("trigger", trigger_id)
    await context.remove(DeleteTrigger(id=trigger_id))
    return Response(status_code=204)


@router.post(
    "/triggers/{trigger_id}/enable", summary="Enable a trigger", responses=answers({200: wire.Trigger}, 404, 409, 503)
)
async def enable_trigger(trigger_id: str, context: Context) -> Response:
    """A schedule ticks from now on; what it missed while it was disabled is not made up for. Safe to repeat."""
    return json_answer(trigger_view(await set_enabled(context, trigger_id, True)))


@router.post(
    "/triggers/{trigger_id}/disable", summary="Disable a trigger", responses=answers({200: wire.Trigger}, 404, 409, 503)
)
async def disable_trigger(trigger_id: str, context: Context) -> Response:
    """Nothing new starts; what waits for its turn is skipped. Safe to repeat."""
    return json_answer(trigger_view(await set_enabled(context, trigger_id, False)))


@router.post(
    "/triggers/{trigger_id}/secret",
    summary="Make a new secret",
    responses=answers({200: wire.Trigger}, 404, 409, 503),
)
async def rotate_secret(trigger_id: str, context: Context) -> Response:
    """The old one is void at once. The answer is the only one that shows the new one."""
    record, secret = await new_secret(context, trigger_id)
    return json_answer(trigger_view(record, secret))


_FIRE = {
    "status_code": 202,
    "responses": answers({202: wire.ExecutionStarted}, 400, 404, 409, 413, 422, 503),
    "openapi_extra": body_of(wire.FireRequest, required=False),
}


@router.post("/triggers/{trigger_id}/execute", summary="Fire a trigger by hand", **_FIRE)  # type: ignore[arg-type]
async def execute_trigger(
    trigger_id: str, request: Request, context: Context, idempotency_key: IdempotencyKey = None
) -> Response:
    """Start what it would start, with this payload. 409 if it is disabled. Repeats with the same key start nothing."""
    body = await read_model(request, wire.FireRequest)
    return await _fire(context, trigger_id, body, "manual", checked_key(idempotency_key, StartOptions()))


@router.post("/triggers/{trigger_id}/test", summary="Try a trigger", **_FIRE)  # type: ignore[arg-type]
async def try_trigger(
    trigger_id: str, request: Request, context: Context, idempotency_key: IdempotencyKey = None
) -> Response:
    """Start what it would start, be it enabled or not; without a payload with one that is made up for its kind."""
    body = await read_model(request, wire.FireRequest)
    return await _fire(context, trigger_id, body, "test", checked_key(idempotency_key, StartOptions()))


async def _fire(context: ApiContext, trigger_id: str, body: wire.FireRequest, how: str, key: str | None) -> Response:
    trigger = await find_trigger(context, trigger_id)
    payload = body.payload
    if payload is None:
        payload = await _made_up(context, trigger) if how == "test" else {}
    fire_key = f"{how}:{key or context.services.new_id()}"
    firing, known = await fire(context, trigger, fire_key, payload, test=how == "test")
    started_or_raise(firing)
    headers = {"Location": execution_url(firing.execution_id)}
    if known:
        headers["Idempotent-Replayed"] = "true"
    token = context.services.tokens.issue(firing.execution_id)
    view = started_view(firing.execution_id, trigger.workflow_id, ExecutionStatus.QUEUED.value, token)
    return json_answer(view, 202, headers)


async def _made_up(context: ApiContext, trigger: TriggerRecord) -> dict[str, object]:
    """A payload in the shape that the trigger brings."""
    now = await database_now(context)
    match trigger.kind:
        case TriggerKind.SCHEDULE:
            return tick_payload(ScheduleConfig.model_validate(trigger.config), now)
        case TriggerKind.EVENT:
            return event_payload(EventConfig.model_validate(trigger.config).event, {}, f"test-{iso_time(now)}")
        case TriggerKind.WEBHOOK:
            return {"method": "POST", "path": "", "headers": {}, "query": {}, "body": None}
    return {}


@router.get(
    "/triggers/{trigger_id}/history",
    summary="List what a trigger has fired",
    responses=answers({200: wire.FiringPage}, 400, 404),
)
async def get_history(trigger_id: str, context: Context, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Newest first, for thirty days; also of a trigger that is gone."""
    read = context.directory.reader.triggers
    page = await context.read(read.history, trigger_id, limit=limit, cursor=cursor)
    if not page.data and cursor is None and await context.read(read.get, trigger_id) is None:
        raise not_found("trigger", trigger_id)
    return json_answer(page_view(page, map(firing_view, page.data)))


# -- publishing ---------------------------------------------------------------------------------------------------


@router.post(
    "/workflows/{workflow_id}/publish",
    summary="Enable the triggers of a workflow's nodes",
    responses=answers({200: wire.Publication}, 404, 409, 422, 503),
)
async def publish_workflow(workflow_id: str, context: Context) -> Response:
    """Saving has registered them. A trigger node that a later save adds is disabled until the next publish."""
    return json_answer(await publish(context, workflow_id))


@router.post(
    "/workflows/{workflow_id}/unpublish",
    summary="Disable the triggers of a workflow's nodes",
    responses=answers({200: wire.Publication}, 404, 409, 503),
)
async def unpublish_workflow(workflow_id: str, context: Context) -> Response:
    """Those that were created by calls stay as they are."""
    return json_answer(await unpublish(context, workflow_id))
