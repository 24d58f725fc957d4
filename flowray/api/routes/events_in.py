"""The route by which events come in from outside. What of them goes out of an execution is in ``events``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import Context
from flowray.api.http.answers import json_answer
from flowray.api.http.bodies import read_model
from flowray.api.http.openapi import answers, body_of
from flowray.api.triggers.events import fire_event_triggers
from flowray.api.triggers.setup import firing_view
from flowray.api.waitpoints.event_delivery import deliver_event
from flowray.runtime.crash_points import CrashPoint, reached

router = APIRouter(prefix="/v1", tags=["triggers"])


@router.post(
    "/events",
    summary="Deliver an event",
    status_code=202,
    responses=answers({202: wire.EventDelivery}, 400, 413, 422, 503),
    openapi_extra=body_of(wire.EventRequest),
)
async def post_event(request: Request, context: Context) -> Response:
    """Fires the event triggers for which it counts, then answers the executions that wait for it. With a ``key``, a
    repeat fires nothing twice, and goes on where a first try was cut off."""
    body = await read_model(request, wire.EventRequest)
    key = body.key or context.services.new_id()
    firings, known = await fire_event_triggers(context, body.name, body.data, key)
    reached(CrashPoint.EVENT_FIRED)
    # Of a repeat, waits that began after its first coming are none of its business.
    came_at = min(firing.fired_at for firing in firings) if known else None
    released = await deliver_event(context, body.name, body.data, body.key, came_at)
    answer = {"name": body.name, "key": key, "fired": [*map(firing_view, firings)], "released": released}
    return json_answer(answer, 202)
