"""Events of an execution together with those of its children, as a stream or as pages (R19). One execution's alone:
see ``streaming``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from typing import Any

from flowray.api.context import ApiContext
from flowray.api.streams.events import EventFilter, has_lost_cursor, never_broken, reset_of
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.family import FamilyEvent, FamilyLog
from flowray.eventlog.sse import FIRST_FRAME, HEARTBEAT, event_frame, public_event
from flowray.persistence.records import ExecutionRecord

READ_LIMIT = 500
"""Events of one look at the logs."""


async def family_log(context: ApiContext, record: ExecutionRecord, cursor: str) -> FamilyLog:
    """The logs, from where the cursor stands. Raises INVALID_CURSOR."""
    return await context.read(FamilyLog, context.directory.reader.events, record.id, cursor)


async def family_page(
    context: ApiContext, record: ExecutionRecord, log: FamilyLog, wanted: EventFilter, limit: int
) -> dict[str, Any]:
    """Looks at ``limit`` events, so a filtered page may be short, or empty, and still have a next one.

    Raises INVALID_CURSOR where the log no longer holds what follows.
    """
    if await has_lost_cursor(context, record, log.after):
        raise FlowrayError(
            ErrorCode.INVALID_CURSOR,
            f"the log of this execution does not hold what follows event {log.after}",
            details={"execution_id": record.id},
            hint="begin with after=0, or look at the execution itself",
        )
    found = await context.read(log.read, limit)
    has_more = len(found) == limit
    return {
        "data": [
            {**public_event(item.event, item.execution_id), "cursor": item.cursor}
            for item in found
            if wanted.wants(item.event)
        ],
        "next_cursor": log.cursor if has_more else None,
        "has_more": has_more,
    }


@never_broken
async def family_frames(
    context: ApiContext, record: ExecutionRecord, log: FamilyLog, wanted: EventFilter
) -> AsyncGenerator[str, None]:
    """The text of one stream. It ends once the execution and every child that was called have ended."""
    yield FIRST_FRAME
    if await has_lost_cursor(context, record, log.after):
        record = await context.execution(record.id)
        yield await reset_of(context, record)
        if record.status in TERMINAL_EXECUTION:
            return
        log = await family_log(context, record, str(record.last_seq))
    async with aclosing(_texts(context, log, wanted)) as texts:
        async for text in texts:
            yield text


async def _texts(context: ApiContext, log: FamilyLog, wanted: EventFilter) -> AsyncGenerator[str, None]:
    clock = asyncio.get_running_loop().time
    sent_at = clock()
    with closing(context.directory.watch()) as watch:
        while True:
            # Before the look, so that what comes between the two ends the wait.
            watch.look_at(log.open_ids)
            found = await context.read(log.read, READ_LIMIT)
            text = "".join(_frame(item) for item in found if wanted.wants(item.event))
            if text or clock() - sent_at >= context.options.stream_silence_s:
                sent_at = clock()
                yield text or HEARTBEAT
            if log.ended:
                return
            if not found:
                await watch.wait()


def _frame(item: FamilyEvent) -> str:
    return event_frame(item.event, item.execution_id, item.cursor)
