"""Routes of what happens: an execution's events as a stream or as pages, and one language-model text alone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from flowray import wire
from flowray.api.context import ApiContext, Context
from flowray.api.http.answers import EVENT_STREAM, JSON, chosen_type, event_stream, json_answer
from flowray.api.http.openapi import answers, stream_answer
from flowray.api.http.parameters import After, LastEventId, LongLimit, Token, split_names
from flowray.api.routes.executions import check_token
from flowray.api.streams.events import EventFilter, EventFrames, execution_frames, has_lost_cursor, is_over
from flowray.api.streams.family import family_frames, family_log, family_page
from flowray.api.streams.text import TextStreamFrames, has_ended, is_stream_of
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.family import CURSOR
from flowray.eventlog.sse import parse_last_event_id, public_event
from flowray.persistence.records import ExecutionRecord

router = APIRouter(prefix="/v1", tags=["events"])

EventsAfter = Annotated[
    str, Query(pattern=f"^{CURSOR}$", description="Begin after the event with this seq; with children, its cursor.")
]
Children = Annotated[bool, Query(description="With the events of the executions that it has called.")]
Types = Annotated[list[str] | None, Query(description="Only these event types; ends and resets always come.")]
NodeIds = Annotated[list[str] | None, Query(description="Only events of these nodes.")]

_STREAM = stream_answer("Frames with id (the seq), event (the type) and data.")
_OVER = "The reader has seen the last event already."


@router.get(
    "/executions/{execution_id}/events",
    summary="Follow an execution's events",
    responses={
        **answers({200: wire.EventPage, 204: _OVER}, 400, 401, 403, 404, 406),
        200: {**answers({200: wire.EventPage})[200], **_STREAM},
    },
)
async def follow_events(
    execution_id: str,
    request: Request,
    context: Context,
    after: EventsAfter = "0",
    children: Children = False,
    types: Types = None,
    node_id: NodeIds = None,
    limit: LongLimit = 500,
    token: Token = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Server-sent events, from the first or after ``Last-Event-ID``, live until the terminal event; a comment every 10
    seconds while nothing happens. ``Accept: application/json`` answers one page instead. ``children=1`` puts in
    the events of the executions that it called, each with its own ``execution_id`` and ``seq``."""
    check_token(context, token, execution_id)
    record = await context.execution(execution_id)
    wanted = EventFilter(frozenset(split_names(types)), frozenset(split_names(node_id)))
    as_page = chosen_type(request, (EVENT_STREAM, JSON)) == JSON
    if children:
        log = await family_log(context, record, last_event_id or after)
        if as_page:
            return json_answer(await family_page(context, record, log, wanted, limit))
        return Response(status_code=204) if log.ended else event_stream(family_frames(context, record, log, wanted))
    seq = parse_last_event_id(last_event_id or after)
    if as_page:
        return await _page(context, record, seq, wanted, limit)
    if is_over(record, seq):
        return Response(status_code=204)
    return event_stream(execution_frames(context, record, seq, EventFrames(record.id, wanted)))


@router.get(
    "/executions/{execution_id}/streams/{stream_id:path}",
    summary="Follow one text stream",
    responses={**answers({204: _OVER}, 400, 401, 403, 404), 200: _STREAM},
)
async def follow_text(
    execution_id: str,
    stream_id: str,
    context: Context,
    after: After = 0,
    token: Token = None,
    last_event_id: LastEventId = None,
) -> Response:
    """The text of one language-model node as it is written: ``node.token`` frames with offsets, ``stream.reset`` where
    an attempt was superseded, and ``stream.end``. Its id is ``llm-<node id>``, with the scope path inside loops."""
    check_token(context, token, execution_id)
    record = await context.execution(execution_id)
    after = _cursor(last_event_id, after)
    reader = context.directory.reader
    if not await context.read(is_stream_of, reader, record, stream_id):
        raise FlowrayError(
            ErrorCode.NOT_FOUND,
            f"no node of this execution has the stream {stream_id[:200]!r}",
            details={"execution_id": execution_id},
            hint="stream_id of an LLM node is llm-<node id>; GET …/nodes shows it",
        )
    if is_over(record, after) or (after > 0 and await context.read(has_ended, reader, record, stream_id, after)):
        return Response(status_code=204)
    return event_stream(execution_frames(context, record, after, TextStreamFrames(record.id, stream_id)))


def _cursor(last_event_id: str | None, after: int) -> int:
    return parse_last_event_id(last_event_id) if last_event_id else after


async def _page(context: ApiContext, record: ExecutionRecord, after: int, wanted: EventFilter, limit: int) -> Response:
    """Looks at ``limit`` events, so a filtered page may be short, or empty, and still have a next one."""
    if await has_lost_cursor(context, record, after):
        raise FlowrayError(
            ErrorCode.INVALID_CURSOR,
            f"the log of this execution does not hold what follows event {after}",
            details={"execution_id": record.id},
            hint="begin with after=0, or look at the execution itself",
        )
    events = (await context.read(context.directory.reader.events.read, record.id, after, limit))[:limit]
    last = events[-1].seq if events else after
    has_more = last < record.last_seq
    return json_answer(
        {
            "data": [public_event(event, record.id) for event in events if wanted.wants(event)],
            "next_cursor": str(last) if has_more else None,
            "has_more": has_more,
        }
    )
