"""What must be gone once a chaos run is quiet (L8), and the limits of the queue, as its executions' logs show them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Engine, func, select

from flowray.client import Client
from flowray.persistence.database.tables import executions, inbox, is_active, waitpoints
from flowray.persistence.records.inbox import CANCEL
from tests.chaos.asked import insist
from tests.chaos.definitions import LIMIT, QUEUE

Span = tuple[str, str]
"""When an execution ran: the ISO times of its first and its last event."""


def left_over(client: Client, engine: Engine) -> dict[str, int]:
    """What is held or waits although nothing runs, by name; each must be 0."""
    queue = insist(lambda: client.queues.get(QUEUE))
    limit = insist(lambda: client.limits.get(LIMIT))
    return {
        "executions in the queue": queue.running + queue.waiting + queue.delayed,
        "the queue's pause": int(queue.paused),
        "uses of the limit": limit.used + limit.waiting,
        "callbacks to be delivered": len(insist(lambda: client.callbacks.list(status="pending")).data),
        "callbacks given up": len(insist(lambda: client.callbacks.list(status="given_up")).data),
        **_rows(engine),
    }


def _rows(engine: Engine) -> dict[str, int]:
    ended = select(executions.c.id).where(~is_active())
    completed = select(executions.c.id).where(executions.c.status == "completed")
    counted: dict[str, Any] = {
        # What waits for an answer may be one whose start was kept, and never acknowledged.
        "executions at work": select(func.count())
        .select_from(executions)
        .where(is_active(), executions.c.status.not_in(["waiting", "paused"])),
        "open waitpoints of ended executions": select(func.count())
        .select_from(waitpoints)
        .where(waitpoints.c.status == "open", waitpoints.c.execution_id.in_(ended)),
        # A pause that comes with the end is left unread; a cancellation is not (R35).
        "cancellations that an end has passed by": select(func.count())
        .select_from(inbox)
        .where(inbox.c.kind == CANCEL, inbox.c.consumed_at.is_(None), inbox.c.execution_id.in_(completed)),
    }
    with engine.connect() as connection:
        return {name: int(connection.execute(statement).scalar_one()) for name, statement in counted.items()}


def wait_until_gone(
    look: Callable[[], dict[str, int]], timeout_s: float, say: Callable[[str], None], every_s: float = 3.0
) -> list[str]:
    """L8: what is still there after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while True:
        left = {name: count for name, count in look().items() if count}
        if not left or time.monotonic() >= deadline:
            return [f"L8: {count} {name}" for name, count in left.items()]
        say(f"still there: {left}")
        time.sleep(every_s)


def beyond_limits(spans: Sequence[tuple[str, Span]], at_a_time: int, per_key: int) -> Iterator[str]:
    """Whether more ran at a time than the queue allows: ``spans`` by concurrency key."""
    by_key: dict[str, list[Span]] = defaultdict(list)
    for key, span in spans:
        by_key[key].append(span)
    for name, chosen, limit in [
        ("the queue", [span for _, span in spans], at_a_time),
        *((f"key {key} of the queue", found, per_key) for key, found in sorted(by_key.items())),
    ]:
        most = max((sum(began <= moment < over for began, over in chosen) for moment, _ in chosen), default=0)
        if most > limit:
            yield f"{name} had {most} at a time; its limit is {limit}"
