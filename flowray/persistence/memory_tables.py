"""The dictionaries behind a MemoryStore. What is read from them is in ``memory.reader``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.persistence.callbacks.memory import MemoryCallbacks
from flowray.persistence.connections.memory import MemoryConnections
from flowray.persistence.knowledge.memory import MemoryKnowledge
from flowray.persistence.limits.memory import MemoryLimits
from flowray.persistence.records import (
    EventBatch,
    ExecutionRecord,
    InboxRecord,
    NodeLogRecord,
    OwnerRecord,
    QueueRecord,
    SnapshotRecord,
    WaitpointRecord,
    WorkflowRecord,
)
from flowray.persistence.records.inbox import CANCEL
from flowray.persistence.records.queues import QueueId
from flowray.persistence.shared_children.memory import MemorySharedChildren
from flowray.persistence.spool import Spool
from flowray.persistence.triggers.memory import MemoryTriggers
from flowray.persistence.workflow_memory.memory import MemoryWorkflowMemory
from flowray.persistence.writes import Claim

_READY = (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING)


class MemoryTables:
    """The data. Callers hold ``lock``; ``clock_ms`` plays the database's clock."""

    def __init__(self, lock: AbstractContextManager[Any], clock_ms: Callable[[], int]) -> None:
        self.lock = lock
        self.clock_ms = clock_ms
        self.workflows: dict[tuple[str, str], WorkflowRecord] = {}
        self.versions: dict[tuple[str, str, int], WorkflowRecord] = {}
        self.plans: dict[str, bytes] = {}
        self.executions: dict[str, ExecutionRecord] = {}
        self.idempotency: dict[tuple[str, str | None, str], str] = {}
        self.batches: dict[str, list[EventBatch]] = {}
        self.node_logs: dict[str, dict[str, NodeLogRecord]] = {}
        self.inboxes: dict[str, dict[str, InboxRecord]] = {}
        self.waitpoints: dict[str, WaitpointRecord] = {}
        self.snapshots: dict[str, SnapshotRecord] = {}  # by execution
        self.owners: dict[str, OwnerRecord] = {}
        self.claims: dict[str, tuple[str, Claim]] = {}  # execution → the claim of its present owner, and its id
        self.metadata_changes: dict[tuple[str, str], int] = {}  # execution and change → when
        self.value_sweeps: dict[str, int] = {}  # execution → before when its values were put that were looked through
        self.payloads = Spool()
        self.memory = MemoryWorkflowMemory(lock)
        self.knowledge = MemoryKnowledge(lock)
        self.limits = MemoryLimits(lock, clock_ms, self.is_alive)
        self.callbacks = MemoryCallbacks(lock, clock_ms)
        self.connections = MemoryConnections(lock, clock_ms)
        self.triggers = MemoryTriggers(lock, clock_ms, self.workflows, self.executions)
        self.shared_children = MemorySharedChildren(lock, self.executions)
        self.queues: dict[QueueId, QueueRecord] = {}
        self._active: set[str] = set()

    def put_execution(self, record: ExecutionRecord) -> None:
        """Insert or replace; keeps the set of those that have not ended."""
        self.executions[record.id] = record
        if record.status in TERMINAL_EXECUTION:
            self._active.discard(record.id)
            self.claims.pop(record.id, None)
        else:
            self._active.add(record.id)

    def is_alive(self, owner_id: str, now: int) -> bool:
        """The owner's lease has not ended."""
        owner = self.owners.get(owner_id)
        return owner is not None and owner.lease_until > now

    def claimable(self, now: int) -> list[ExecutionRecord]:
        """Executions without a driver that have something to do, oldest first, as ``sql.owners.is_claimable``."""
        found = [record for its_id in self._active if self._is_claimable(record := self.executions[its_id], now)]
        return sorted(found, key=by_creation)

    def _is_claimable(self, record: ExecutionRecord, now: int) -> bool:
        if record.owner_id is not None:
            return not self.is_alive(record.owner_id, now)
        if record.wake_at is not None and record.wake_at <= now:
            return True
        if record.status == ExecutionStatus.DELAYED:
            # Before its time it can only be ended.
            return any(row.kind == CANCEL for row in self.unconsumed(record.id))
        return record.status in _READY or bool(self.unconsumed(record.id))

    def unconsumed(self, execution_id: str) -> list[InboxRecord]:
        """Rows of the inbox that nobody has folded."""
        return [row for row in self.inboxes.get(execution_id, {}).values() if row.consumed_at is None]

    def active(self) -> list[ExecutionRecord]:
        """Executions that have not ended."""
        return [self.executions[its_id] for its_id in self._active]


def by_creation(record: ExecutionRecord | WorkflowRecord | WaitpointRecord) -> tuple[int, str]:
    """The order of listings, the other way round."""
    return record.created_at, record.id
