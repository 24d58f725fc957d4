"""When an execution is to blame for the death of its owners: what acquits it, what makes it a suspect (R28). Pure.

The count itself is a column of the execution, raised by each claim from a dead owner and reset by a commit.
"""

from __future__ import annotations

from collections.abc import Sequence

from flowray.engine import events as ev
from flowray.errors import ErrorCode, FlowrayError

MAX_FAILED_RECOVERIES = 5
"""How many owners in a row may die with an execution that they have taken over; then it is ended as crashed."""

PROBATION_MS = 3_000
"""What has not killed its new owner in this time was not what killed the one before: a long call or wait goes on."""

_REPETITION = (ev.ExecutionRecovered, ev.NodeRetrying, ev.NodeReady, ev.NodeStarted, ev.StreamReset)
"""What every taking over writes. An execution that kills its owner gets as far as this each time."""


def shows_progress(events: Sequence[ev.AnyEvent]) -> bool:
    """Whether a commit says more than that its execution was taken up again."""
    return any(not isinstance(event, _REPETITION) for event in events)


def is_poison(failures: int, most: int) -> bool:
    """``failures`` owners in a row have died with it: the first one, and those that took it over."""
    return failures > most


def verdict(failures: int) -> str:
    """Why it is not tried again."""
    return f"{failures} processes in a row died with this execution before it went on; it is not tried again"


def is_passing(error: Exception) -> bool:
    """A takeover that failed because the database is away speaks against nobody."""
    return isinstance(error, FlowrayError) and error.code in (
        ErrorCode.DATABASE_UNAVAILABLE, ErrorCode.RUNTIME_UNAVAILABLE,
    )  # fmt: skip
