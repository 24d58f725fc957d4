"""What becomes of an idempotency key with its execution: which repeats find it, and which begin anew."""

from __future__ import annotations

from typing import Any

from flowray.engine.statuses import ExecutionStatus

KEY_LIFE_MS = 30 * 24 * 3_600_000
"""How long a repeat of a key finds its execution, unless the start says otherwise: 30 days."""

BEGINS_ANEW_AFTER = frozenset(
    {ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.CRASHED, ExecutionStatus.EXPIRED}
)
"""Endings after which who repeats a request wants what it asked for, not what came of it. Not after a cancellation:
somebody did not want it."""


def is_spent(taken: Any, now: int) -> bool:
    """A repeat of the key that this execution (a record or a row) has starts another one, which has it from then on.

    A repeat of a batch finds what the batch has begun, whatever came of it: it is asked for again when its answer was
    lost, and that some rows have failed by then is no reason to run them twice.
    """
    ended = taken.batch_id is None and taken.status in BEGINS_ANEW_AFTER
    return ended or (taken.idempotency_expires_at is not None and taken.idempotency_expires_at <= now)
