"""Queues in the simulated world: limits that change while executions come and go, and the laws that hold for them.

Has a source of chance of its own: a seed plays the same with queues and without, but for what they make of it.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.records.inbox import CANCEL
from flowray.persistence.writes.queues import ConfigureQueue
from tests.simulation.ledger import Ledger

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World

NAME = "crowded"
CHANGES = 4


class Queueing:
    """What is asked of queues in one world, and whether they do it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = Random(f"queues {world.seed}")
        self.limit: int | None = self._rng.choice((None, 1, 1, 2))
        self.everything = self._rng.random() < 0.3
        self.most = 0
        """How many were let run at a time where a limit held all along."""

    def plan(self) -> None:
        """Set the limits, and decide when somebody pauses the queue."""
        if self.limit is None:
            return
        self._configure({"max_concurrent": self.limit})
        for _ in range(self._rng.randrange(CHANGES)):
            paused = self._rng.random() < 0.5
            at = int(self._rng.expovariate(1 / 3_000))
            self._world.later(at, None, lambda paused=paused: self._pause(paused))  # type: ignore[misc]

    def calm(self) -> None:
        """Nobody pauses it any more."""
        if self.limit is not None:
            self._configure({"paused": False})

    def asked(self, execution_id: str, now: int) -> dict[str, Any]:
        """Columns of a new execution: the same, however often it is asked for."""
        rng = Random(f"{self._world.seed} {execution_id}")
        delay = rng.choice((0, 0, 0, 400, 6_000))
        fields = {
            "queue": NAME, "concurrency_key": rng.choice(("", "a", "b")), "queued_at": now + delay,
            "queue_order": now + delay - 1_000 * rng.choice((0, 0, 5)),
        }  # fmt: skip
        return {**fields, "status": "delayed", "not_before": now + delay} if delay else fields

    def heard(self, process: Process) -> None:
        """What the thread of the sweep does when a slot comes free, unless it is too late to hear of it."""
        watch = process.orchestrator._queues
        if watch._slot_is_free:
            watch._slot_is_free = False
            if not self._world.strikes(0.3):
                take = process.orchestrator._take_next
                self._world.later(self._world.delay(0, 3), process, lambda: take(admit_only=True), periodic=True)

    def check(self, ledger: Ledger) -> None:
        """At every commit: no limit is exceeded, and nobody starts before its time."""
        if self.limit is None:
            return
        running = [row for row in ledger.executions() if _holds_slot(row) and not _is_to_end(ledger, row)]
        self.most = max(self.most, len(running))
        if len(running) > self.limit:
            self._world.violation(f"R43 {[row.id for row in running]} run under a limit of {self.limit}")
        for row in running:
            if row.not_before is not None and self._world.now < row.not_before:
                self._world.violation(f"{row.id} is let run {row.not_before - self._world.now} ms before its time")

    def _pause(self, paused: bool) -> None:
        if self._world.chaos:
            self._configure({"paused": paused})

    def _configure(self, changes: dict[str, Any]) -> None:
        name = "global" if self.everything else NAME
        self._world.ledger.commit([ConfigureQueue(name=name, changes=changes, ts=self._world.now)])


def _is_to_end(ledger: Ledger, row: ExecutionRecord) -> bool:
    """Somebody has cancelled it: it is taken up at once, whatever the limits, to be ended."""
    return any(entry.kind == CANCEL for entry in ledger.store._tables.inboxes.get(row.id, {}).values())


def _holds_slot(row: ExecutionRecord) -> bool:
    return row.owner_id is not None and row.parent_id is None and row.status not in TERMINAL_EXECUTION
