"""Event streams of executions: frames from the log, heartbeats, resets, and a clean end whatever happens.

A generator here never raises into the server: the answer has begun, and the reader would only see a cut connection.
What goes wrong becomes an ``error`` frame, after which the reader may come back with Last-Event-ID.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol

from flowray.api.context import ApiContext
from flowray.api.http.error_responses import problem
from flowray.api.views.rows import ValueResolver, execution_url, execution_view
from flowray.engine.events import TERMINAL_EVENTS
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.eventlog.sse import FIRST_FRAME, HEARTBEAT, event_frame, named_frame, reset_frame
from flowray.persistence.records import ExecutionRecord

logger = logging.getLogger(__name__)

P = ParamSpec("P")

ALWAYS_SENT = TERMINAL_EVENTS | {"stream.reset"}
"""Pass every filter: without them a reader could not tell the end from a cut, nor see that text became void."""


@dataclass(frozen=True)
class EventFilter:
    """Which events a reader wants; empty means all."""

    types: frozenset[str] = frozenset()
    node_ids: frozenset[str] = frozenset()

    def wants(self, event: RecordedEvent) -> bool:
        """True if the event is to be sent."""
        if event.type in ALWAYS_SENT:
            return True
        if self.types and event.type not in self.types:
            return False
        return not self.node_ids or event.body.get("node_id") in self.node_ids


class Frames(Protocol):
    """Turns events into frames; ``ended`` once nothing can follow."""

    ended: bool

    def of(self, event: RecordedEvent) -> str:
        """The frame, or "" for an event that is not sent."""
        ...

    def closing(self) -> str:
        """What is sent after the last event, or ""."""
        ...


class EventFrames:
    """Frames of all events that a filter lets through."""

    def __init__(self, execution_id: str, events: EventFilter) -> None:
        self._execution_id = execution_id
        self._filter = events
        self.ended = False

    def of(self, event: RecordedEvent) -> str:
        """The frame of a wanted event."""
        self.ended = event.type in TERMINAL_EVENTS
        return event_frame(event, self._execution_id) if self._filter.wants(event) else ""

    def closing(self) -> str:
        """The terminal event says it all."""
        return ""


async def has_lost_cursor(context: ApiContext, record: ExecutionRecord, after: int) -> bool:
    """True if the log no longer (or not) holds what follows ``after``: pruned, or an id from another log."""
    if after > record.last_seq:
        return True
    if after == record.last_seq:
        return False
    following = await context.read(context.directory.reader.events.read, record.id, after, 1)
    return not following or following[0].seq != after + 1


def is_over(record: ExecutionRecord, after: int) -> bool:
    """True if a reader that has seen ``after`` has seen the end: it is answered 204, so that it stops asking."""
    return record.status in TERMINAL_EXECUTION and after == record.last_seq > 0


Stream = Callable[Concatenate[ApiContext, ExecutionRecord, P], AsyncGenerator[str, None]]


def never_broken(stream: Stream[P]) -> Stream[P]:
    """The same stream, counted while it is open. Whatever goes wrong in it becomes its last frame."""

    @wraps(stream)
    async def guarded(
        context: ApiContext, record: ExecutionRecord, /, *args: P.args, **named: P.kwargs
    ) -> AsyncGenerator[str, None]:
        context.metrics.stream_opened()
        try:
            async with aclosing(stream(context, record, *args, **named)) as texts:
                async for text in texts:
                    yield text
        except FlowrayError as error:
            yield error_frame(error)
        except Exception:
            logger.exception("an event stream of execution %s broke", record.id)
            broke = FlowrayError(ErrorCode.INTERNAL, "the stream broke unexpectedly; come back where it ended")
            yield error_frame(broke)
        finally:
            context.metrics.stream_closed()

    return guarded


@never_broken
async def execution_frames(
    context: ApiContext, record: ExecutionRecord, after: int, frames: Frames, first: str = ""
) -> AsyncGenerator[str, None]:
    """The text of one stream: ``first``, the events after ``after``, heartbeats in silence, and what closes it."""
    yield FIRST_FRAME + first
    if await has_lost_cursor(context, record, after):
        record = await context.execution(record.id)
        yield await reset_of(context, record)
        after = record.last_seq
        if record.status in TERMINAL_EXECUTION:
            return
    silence_s = context.options.stream_silence_s
    async with aclosing(_texts(follow(context, record.id, after), frames, silence_s)) as texts:
        async for text in texts:
            yield text


def follow(context: ApiContext, execution_id: str, after: int = 0) -> AsyncGenerator[list[RecordedEvent], None]:
    """``directory.follow`` as the generator that it is: callers close it, so that it lets go at once."""
    events = context.directory.follow(execution_id, after)
    assert isinstance(events, AsyncGenerator)
    return events


async def _texts(
    events: AsyncGenerator[list[RecordedEvent], None], frames: Frames, silence_s: float
) -> AsyncGenerator[str, None]:
    """One text per batch, heartbeats in silence, and what closes the stream. Closes ``events``."""
    clock: Callable[[], float] = asyncio.get_running_loop().time
    sent_at = clock()
    async with aclosing(events):
        async for batch in events:
            text = _text(batch, frames)
            if text or clock() - sent_at >= silence_s:
                sent_at = clock()
                yield text or HEARTBEAT
            if frames.ended:
                break
    closing = frames.closing()
    if closing:
        yield closing


def _text(batch: list[RecordedEvent], frames: Frames) -> str:
    """Frames of a batch, up to the one that ends the stream."""
    texts = []
    for event in batch:
        texts.append(frames.of(event))
        if frames.ended:
            break
    return "".join(texts)


async def reset_of(context: ApiContext, record: ExecutionRecord) -> str:
    """``stream.reset`` with the present state of an execution."""
    resolver = ValueResolver(record.payload_owner, context.directory.load_payload, budget_bytes=0)
    return reset_frame(record.id, execution_view(record, await resolver.resolve(record.outputs)), record.last_seq)


def accepted_frame(started: dict[str, Any]) -> str:
    """The first frame of a stream that a POST opened: the execution's id and URL (R54). Has no id: it is no event."""
    return named_frame("execution.accepted", {**started, "url": execution_url(started["id"])})


def error_frame(error: FlowrayError) -> str:
    """``event: error`` with the problem as data; the reader's cursor stays where it is."""
    return named_frame("error", problem(error))
