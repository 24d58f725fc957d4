"""Long polls: hold an answer back until an execution has ended or is paused. Never keeps or stops an execution."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from flowray.api.context import ApiContext
from flowray.api.streams.events import follow
from flowray.engine.events import TERMINAL_EVENTS
from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord

_SETTLED_EVENTS = TERMINAL_EVENTS | {"execution.paused"}
_SETTLED = TERMINAL_EXECUTION | {ExecutionStatus.PAUSED}


def check_wait(wait_s: float | None, max_s: float, streams: bool) -> None:
    """Raises INVALID_REQUEST for a wait that is not within bounds, or together with an event stream (R56)."""
    if wait_s is None:
        return
    if not 0 <= wait_s <= max_s:
        raise FlowrayError(
            ErrorCode.INVALID_REQUEST,
            f"wait must be 0 to {max_s:g} seconds, not {wait_s:g}",
            hint="poll GET /v1/executions/{id}, or follow its events, for longer executions",
        )
    if streams:
        raise FlowrayError(
            ErrorCode.INVALID_REQUEST,
            "wait and an event stream exclude each other",
            hint="leave out either ?wait= or Accept: text/event-stream",
        )


async def wait_until_settled(context: ApiContext, execution_id: str, timeout_s: float) -> ExecutionRecord | None:
    """The row once the execution has ended or is paused; None if that takes longer than ``timeout_s``."""
    try:
        async with asyncio.timeout(timeout_s), aclosing(follow(context, execution_id)) as batches:
            async for batch in batches:
                if any(event.type in _SETTLED_EVENTS for event in batch):
                    record = await context.execution(execution_id)
                    if record.status in _SETTLED:
                        return record
    except TimeoutError:
        pass
    record = await context.execution(execution_id)
    return record if record.status in _SETTLED else None
