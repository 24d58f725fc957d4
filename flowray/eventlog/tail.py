"""Follows one execution's log live from a cursor: contiguous, complete, ended by the terminal event (R33).

Pushed events are only a shortcut: whatever is missing, lost or doubled in them, the log itself fills in.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from flowray.engine.events import TERMINAL_EVENTS
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import EventLog, RecordedEvent

READ_LIMIT = 500
"""Events of one read of the log: bounds what a slow reader keeps in memory."""


class Wake(Protocol):
    """What tells a reader that its execution's log may have grown."""

    async def wait(self) -> Sequence[RecordedEvent] | None:
        """Committed events, in order, from any point on; empty: look at the log; None after a second of silence."""
        ...


class PushedEvents:
    """A Wake fed by whoever commits or relays events. Belongs to the event loop that waits on it.

    A reader that falls behind costs at most ``max_events``: beyond them the queue is dropped, and the reader goes back
    to the log.
    """

    def __init__(self, *, max_events: int = 2_000, silence_s: float = 1.0) -> None:
        self._max_events = max_events
        self._silence_s = silence_s
        self._queue: deque[Sequence[RecordedEvent]] = deque()
        self._events = 0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._waiter: asyncio.Future[bool] | None = None
        self._waits_since = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    def push(self, events: Sequence[RecordedEvent] = ()) -> None:
        """Hand over committed events, or none to make the reader look at the log. On the loop's thread."""
        if self._events + len(events) > self._max_events:
            self._queue.clear()
            self._events = 0
            events = ()
        self._queue.append(events)
        self._events += len(events)
        self._end_wait(True)

    def push_from_thread(self, events: Sequence[RecordedEvent] = ()) -> None:
        """``push`` from any thread, also the loop's own. Does nothing once the loop is closed."""
        if threading.get_ident() == self._thread:
            self.push(events)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.push, events)

    async def wait(self) -> Sequence[RecordedEvent] | None:
        """All that has been pushed since the last call."""
        if not self._queue and not await self._arrival():
            return None
        pushed = [event for events in self._queue for event in events]
        self._queue.clear()
        self._events = 0
        return pushed

    async def _arrival(self) -> bool:
        """False after a silence. One alarm serves many waits: streams wait hundreds of times a second."""
        self._waiter = self._loop.create_future()
        self._waits_since = self._loop.time()
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._silence_s, self._look_at_clock)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _look_at_clock(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        left_s = self._waits_since + self._silence_s - self._loop.time()
        if left_s > 0:
            self._alarm = self._loop.call_later(left_s, self._look_at_clock)
        else:
            self._end_wait(False)

    def _end_wait(self, arrived: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(arrived)


async def follow(log: EventLog, execution_id: str, after: int, wake: Wake) -> AsyncGenerator[list[RecordedEvent], None]:
    """Events after ``after``, as they are committed; an empty list after each silence of ``wake``.

    Ends after the terminal event, at once if ``after`` is it. ``wake`` must be receiving before the call, or events
    committed in between wait for the next silence. Reads of the log run in threads. Raises FlowrayError INVALID_CURSOR
    if the log has no event ``after``, DATABASE_UNAVAILABLE from the log; a caller may then follow again from the last
    event that it got.
    """
    cursor, ended = await _check_cursor(log, execution_id, after)
    behind = True
    while not ended:
        if behind:
            batch = await asyncio.to_thread(log.read, execution_id, cursor, READ_LIMIT)
            behind = len(batch) >= READ_LIMIT
        else:
            pushed = await wake.wait()
            batch = _contiguous(pushed or (), cursor)
            if not batch:
                # A gap, a poke, or silence in which a push may have been lost.
                batch = await asyncio.to_thread(log.read, execution_id, cursor, READ_LIMIT)
                behind = len(batch) >= READ_LIMIT
            if not batch and pushed is None:
                yield []
        if batch:
            cursor = batch[-1].seq
            ended = batch[-1].type in TERMINAL_EVENTS
            yield batch


async def _check_cursor(log: EventLog, execution_id: str, after: int) -> tuple[int, bool]:
    """``(after, is it the terminal event?)``."""
    if after <= 0:
        return 0, False
    found = await asyncio.to_thread(log.read, execution_id, after - 1, 2)  # A crashed execution may be redriven.
    if not found or found[0].seq != after:
        raise FlowrayError(
            ErrorCode.INVALID_CURSOR,
            f"the log of execution {execution_id!r} has no event {after}",
            hint="pass the id of an event that this execution's stream delivered, or start from 0",
        )
    return after, len(found) == 1 and found[0].type in TERMINAL_EVENTS


def _contiguous(pushed: Sequence[RecordedEvent], cursor: int) -> list[RecordedEvent]:
    """The pushed events that follow ``cursor`` without a gap; what was delivered already is left out."""
    fresh: list[RecordedEvent] = []
    for event in pushed:
        if event.seq == cursor + 1 + len(fresh):
            fresh.append(event)
        elif event.seq > cursor + len(fresh):
            break
    return fresh
