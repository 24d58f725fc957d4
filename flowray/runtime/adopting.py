"""What a new owner asks of those who hold attempts of its executions, before it takes any of them up (R38)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from flowray.engine.instances import split_instance
from flowray.runtime.held_attempts import Adoption, Key, adoptions_by_execution
from flowray.runtime.live import LiveExecution

logger = logging.getLogger(__name__)


class AttemptHolder(Protocol):
    """Where attempts outlive their owners."""

    def adopt(self, adoptions: Sequence[Adoption]) -> Sequence[Key]:
        """The attempts that go on, of those wanted; all else is cancelled. Takes seconds at most, whatever is dead."""
        ...

    def deliver(self, execution_ids: Sequence[str]) -> None:
        """What was adopted of these executions may report from now on: its owner is ready."""
        ...


def wanted(live: LiveExecution) -> Adoption:
    """The attempts that an execution has running by its log."""
    attempts = []
    for instance, attempt in live.state.running.items():
        node = live.state.node(*split_instance(instance))
        if node is not None:
            attempts.append((instance, attempt, node.epoch))
    return Adoption(live.id, live.epoch, live.incarnation, tuple(attempts))


def adopt_attempts(
    holder: AttemptHolder | None, executions: Sequence[LiveExecution]
) -> dict[str, set[tuple[str, int]]]:
    """``(instance, attempt)`` of what goes on, by execution. Without a holder, or if it fails, nothing does."""
    if holder is None or not executions:
        return {}
    try:
        return adoptions_by_execution(holder.adopt([wanted(live) for live in executions]))
    except Exception:
        logger.exception("flowray: nothing is adopted; what was under way runs again")
        return {}


def abandon_attempts(holder: AttemptHolder | None, execution_id: str, epoch: int) -> None:
    """Nothing of an execution that ended without its log being read goes on."""
    if holder is None:
        return
    try:
        holder.adopt([Adoption(execution_id, epoch, incarnation=0)])
    except Exception:
        logger.exception("flowray: what was under way of execution %s runs to its own end", execution_id)
