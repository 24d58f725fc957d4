"""What must be done now, as the engine sees it. The driver carries commands out after the events are committed."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class RunNode(msgspec.Struct, frozen=True):
    """Run one attempt of a node instance, or of a container's sentinel.

    ``sentinel``: "" for the node itself; ``open`` to resolve a container's collection, count or first condition;
    ``condition`` to decide on iteration ``round``. ``tries`` numbers the idempotency key (R31).
    """

    instance: str
    node_id: str
    attempt: int
    tries: int = 1
    sentinel: str = ""
    round: int = 0


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


class PruneOutputs(msgspec.Struct, frozen=True):
    """No pending node can read these instances' outputs any more: caches may drop them."""

    instances: tuple[str, ...]


class EndExecution(msgspec.Struct, frozen=True):
    """The execution has ended or released: forget it, free its place."""

    status: str


Command: TypeAlias = RunNode | StartTimer | CancelTimer | StopNode | PruneOutputs | EndExecution
