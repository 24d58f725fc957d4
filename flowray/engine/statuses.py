"""The states of executions and of node instances, and the only arrows between them. A table and little else."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias, TypeVar


class ExecutionStatus(StrEnum):
    """``waiting``: only timers, events or callbacks are pending. ``paused``: a person must act (R20)."""

    QUEUED = "queued"
    DELAYED = "delayed"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    EXPIRED = "expired"


class NodeStatus(StrEnum):
    """State of one node instance. A timeout is ``failed`` with code NODE_TIMEOUT."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


E: TypeAlias = ExecutionStatus
N: TypeAlias = NodeStatus

EXECUTION_TRANSITIONS: dict[E, dict[str, E]] = {
    E.QUEUED: {
        "start": E.RUNNING, "delay": E.DELAYED, "cancel": E.CANCELLED, "expire": E.EXPIRED,
        "time_out": E.TIMED_OUT, "crash": E.CRASHED,
    },
    E.DELAYED: {
        "queue": E.QUEUED, "start": E.RUNNING, "cancel": E.CANCELLED, "expire": E.EXPIRED, "time_out": E.TIMED_OUT,
    },
    E.RUNNING: {
        "wait": E.WAITING, "pause": E.PAUSED, "complete": E.COMPLETED, "fail": E.FAILED, "cancel": E.CANCELLED,
        "time_out": E.TIMED_OUT, "crash": E.CRASHED,
    },
    E.WAITING: {
        "resume": E.RUNNING, "pause": E.PAUSED, "fail": E.FAILED, "cancel": E.CANCELLED, "time_out": E.TIMED_OUT,
        "crash": E.CRASHED,
    },
    E.PAUSED: {
        "resume": E.RUNNING, "wait": E.WAITING, "fail": E.FAILED, "cancel": E.CANCELLED, "time_out": E.TIMED_OUT,
        "crash": E.CRASHED, "pause": E.PAUSED,  # on request, while it waits for a person
    },
    E.COMPLETED: {}, E.FAILED: {}, E.CANCELLED: {}, E.TIMED_OUT: {}, E.EXPIRED: {},
    E.CRASHED: {"redrive": E.QUEUED},
}  # fmt: skip

NODE_TRANSITIONS: dict[N, dict[str, N]] = {
    N.PENDING: {
        "ready": N.READY, "skip": N.SKIPPED, "cancel": N.CANCELLED,
        "reuse": N.COMPLETED, "reuse_failure": N.FAILED,  # it ended so elsewhere, or is pinned
    },
    N.READY: {"start": N.RUNNING, "cancel": N.CANCELLED},
    N.RUNNING: {
        "complete": N.COMPLETED, "fail": N.FAILED, "wait": N.WAITING, "cancel": N.CANCELLED,
        "restart": N.READY,  # its process died; tried again as a new attempt (R38, R39)
        "ready": N.READY,  # a step is done; the next one is a new attempt
    },
    # Back off, resume, time-out.
    N.WAITING: {
        "ready": N.READY, "complete": N.COMPLETED, "fail": N.FAILED, "cancel": N.CANCELLED,
        "wait": N.WAITING,  # what it waited for failed; it backs off before it tries again (R19)
    },
    N.COMPLETED: {}, N.FAILED: {}, N.SKIPPED: {}, N.CANCELLED: {},
}  # fmt: skip

TERMINAL_EXECUTION = frozenset({E.COMPLETED, E.FAILED, E.CANCELLED, E.TIMED_OUT, E.CRASHED, E.EXPIRED})
TERMINAL_NODE = frozenset(status for status, arrows in NODE_TRANSITIONS.items() if not arrows)

S = TypeVar("S", ExecutionStatus, NodeStatus)


def transition(table: dict[S, dict[str, S]], status: S, verb: str) -> S:
    """The state that ``verb`` leads to. Raises ValueError for an arrow that the table does not have."""
    try:
        return table[status][verb]
    except KeyError:
        raise ValueError(f"no transition {verb!r} from {status.value!r}") from None
