"""What must be done now, as the engine sees it. The driver carries commands out after the events are committed."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from flowray.engine.signals import ChildCall

COLLECT = "collect"


class RunNode(msgspec.Struct, frozen=True, gc=False):
    """Run one attempt of a node instance, or of a container's sentinel.

    ``sentinel``: "" for the node itself; ``open`` to resolve a container's collection, count or first condition;
    ``condition`` to decide on iteration ``round``; ``close`` to aggregate its results; ``collect`` to store those from
    ``round`` on as a chunk (R16). ``tries`` and ``step`` number the idempotency key (R31).
    """

    instance: str
    node_id: str
    attempt: int
    tries: int = 1
    sentinel: str = ""
    round: int = 0
    step: int = 0


class StartTimer(msgspec.Struct, frozen=True):
    """Deliver TimerFired(timer_id) at ``due_at`` (ms since the epoch) or later, never earlier."""

    timer_id: str
    due_at: int


class CancelTimer(msgspec.Struct, frozen=True):
    """Forget a timer; one that still fires is ignored."""

    timer_id: str


class StopNode(msgspec.Struct, frozen=True):
    """Stop a running attempt: its result no longer counts."""

    instance: str
    attempt: int
    reason: str = ""


class StartChild(msgspec.Struct, frozen=True):
    """Start a child execution, or find the one that this parent already has under ``key`` (R19).

    Its end comes back as ChildEnded. ``deadline_ms`` is the parent's, absolute; the child's own may be earlier. One
    that is called by an idempotency key is started once for all parents, and has no deadline of theirs.
    """

    instance: str
    key: str
    call: ChildCall
    deadline_ms: int | None = None


class StopChild(msgspec.Struct, frozen=True):
    """Cancel a child execution: nobody waits for it any more."""

    instance: str
    key: str
    reason: str = ""


class ExpireWaitpoint(msgspec.Struct, frozen=True):
    """A waitpoint's time is up: deliver WaitExpired, unless an answer was accepted first."""

    waitpoint: str


class PruneOutputs(msgspec.Struct, frozen=True):
    """No pending node can read these stored values any more: caches may drop them (R36)."""

    payload_ids: tuple[str, ...]


class EndExecution(msgspec.Struct, frozen=True):
    """The execution has ended or released: forget it, free its place."""

    status: str


Command: TypeAlias = (
    RunNode
    | StartTimer
    | CancelTimer
    | StopNode
    | StartChild
    | StopChild
    | ExpireWaitpoint
    | PruneOutputs
    | EndExecution
)
