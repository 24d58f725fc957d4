"""Triggers and firings kept in dictionaries: the twin of ``triggers.sql`` and ``triggers.sql_reader``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.records import DEFAULT_WORKSPACE, ExecutionRecord, Page, WorkflowRecord
from flowray.persistence.records.triggers import QUEUED, SKIPPED, STARTED, STARTING, FiringRecord, TriggerRecord
from flowray.persistence.rows import from_row
from flowray.persistence.triggers.firing_rules import (
    TRIGGER_GONE_REASON,
    decide,
    may_tick,
    registered,
    replaced,
    skipped,
    starting,
)
from flowray.persistence.writes import AnyResult, AnyWrite, Done, Fenced, Inserted, Refused
from flowray.persistence.writes.triggers import (
    DeleteTrigger,
    Fired,
    FireTrigger,
    PromoteFiring,
    Pruned,
    PruneFirings,
    RegisterTriggers,
    SaveTrigger,
    SettleFiring,
)


class MemoryTriggers:
    """Writes, for the store, whose lock is held; and a TriggerReader, which takes the lock itself."""

    def __init__(
        self,
        lock: AbstractContextManager[Any],
        clock_ms: Callable[[], int],
        workflows: Mapping[tuple[str, str], WorkflowRecord],
        executions: Mapping[str, ExecutionRecord],
    ) -> None:
        self._lock = lock
        self._clock_ms = clock_ms
        self._workflows = workflows
        self._executions = executions
        self._triggers: dict[str, TriggerRecord] = {}
        self._firings: dict[tuple[str, str], FiringRecord] = {}

    def writes(self) -> dict[type[AnyWrite], Callable[[Any], AnyResult]]:
        """What applies each kind of write."""
        return {
            SaveTrigger: self.save, RegisterTriggers: self.register, DeleteTrigger: self.delete,
            FireTrigger: self.fire, PromoteFiring: self.promote, SettleFiring: self.settle, PruneFirings: self.prune,
        }  # fmt: skip

    # -- writes of triggers ---------------------------------------------------------------------------------------

    def save(self, write: SaveTrigger) -> AnyResult:
        """As SaveTrigger says."""
        record = from_row(TriggerRecord, msgspec.to_builtins(write.record))
        current = self._triggers.get(record.id)
        if write.expected_revision is None:
            if current is None and (record.workspace_id, record.workflow_id) not in self._workflows:
                return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no workflow {record.workflow_id!r}")
            self._triggers.setdefault(record.id, record)
            return Inserted(id=record.id)
        if current is None or current.workspace_id != record.workspace_id:
            return _unknown(record.id)
        changed = replaced(current, write)
        if changed is None:
            return Refused(code=ErrorCode.CONFLICT, detail=f"the trigger {record.id!r} has been changed meanwhile")
        self._triggers[record.id] = changed
        return Done()

    def register(self, write: RegisterTriggers) -> AnyResult:
        """As RegisterTriggers says."""
        workflow = self._workflows.get((write.workspace_id, write.workflow_id))
        if workflow is None or workflow.hash != write.hash:
            return Done()
        key = (write.workspace_id, write.workflow_id)
        mine = [row for row in self._triggers.values() if (row.workspace_id, row.workflow_id) == key and row.node_id]
        known = {row.node_id: row for row in mine}
        for given in write.triggers:
            row = registered(known.pop(given.node_id, None), given, write.ts)
            self._triggers[row.id] = row
        for gone in known.values():
            del self._triggers[gone.id]
        return Done()

    def delete(self, write: DeleteTrigger) -> AnyResult:
        """As DeleteTrigger says."""
        found = self._triggers.get(write.id)
        if found is None or found.workspace_id != write.workspace_id:
            return _unknown(write.id)
        del self._triggers[write.id]
        return Done()

    def forget_workflow(self, workspace_id: str, workflow_id: str) -> None:
        """The triggers of a workflow go with it."""
        key = (workspace_id, workflow_id)
        for row in list(self._triggers.values()):
            if (row.workspace_id, row.workflow_id) == key:
                del self._triggers[row.id]

    # -- writes of firings ----------------------------------------------------------------------------------------

    def fire(self, write: FireTrigger) -> AnyResult:
        """As FireTrigger says."""
        now = self._clock_ms()
        trigger = self._triggers.get(write.trigger_id)
        if trigger is None or trigger.workspace_id != write.workspace_id:
            return _unknown(write.trigger_id)
        keys = [firing.fire_key for firing in write.firings]
        known = [key for key in keys if (trigger.id, key) in self._firings]
        new = [firing for firing in write.firings if firing.fire_key not in known]
        if write.expected_at is not None and not may_tick(trigger, write, now):
            return self._fired(trigger.id, keys, known) if keys and not new else Fenced()
        if write.expected_at is None and new and not trigger.enabled and not write.test:
            return Refused(code=ErrorCode.CONFLICT, detail=f"the trigger {trigger.id!r} is disabled")
        queued = sum(row.status == QUEUED for row in self._of(trigger.id))
        rows = decide(trigger, write, new, len(self._active(trigger.id)), queued, now)
        for row in rows:
            self._firings[trigger.id, row.fire_key] = from_row(FiringRecord, msgspec.to_builtins(row))
        self._triggers[trigger.id] = msgspec.structs.replace(
            trigger,
            last_fired_at=now if any(row.status != SKIPPED for row in rows) else trigger.last_fired_at,
            next_fire_at=trigger.next_fire_at if write.expected_at is None else write.next_at,
        )
        return self._fired(trigger.id, keys, known)

    def promote(self, write: PromoteFiring) -> AnyResult:
        """As PromoteFiring says."""
        trigger = self._triggers.get(write.trigger_id)
        rows = sorted((row for row in self._of(write.trigger_id) if row.status == QUEUED), key=_turn)
        changed: list[FiringRecord] = []
        if trigger is None or not trigger.enabled:
            changed = [skipped(row, TRIGGER_GONE_REASON) for row in rows]
        elif rows and not self._active(write.trigger_id):
            changed = [starting(msgspec.structs.replace(rows[0], holds=True), self._clock_ms())]
        self._firings.update(((row.trigger_id, row.fire_key), row) for row in changed)
        return Fired(firings=tuple(changed))

    def settle(self, write: SettleFiring) -> AnyResult:
        """As SettleFiring says."""
        row = self._firings.get((write.trigger_id, write.fire_key))
        if row is not None and row.status == STARTING:
            self._firings[write.trigger_id, write.fire_key] = msgspec.structs.replace(
                row, status=write.status, reason=write.reason, payload=None, retry_at=None
            )
        return Done()

    def prune(self, write: PruneFirings) -> AnyResult:
        """As PruneFirings says."""
        old = sorted(self._settled(write.before), key=_age)[: write.limit]
        for row in old:
            del self._firings[row.trigger_id, row.fire_key]
        return Pruned(count=len(old))

    def settled(self, before: int | None) -> int:
        """How many firings PruneFirings would remove; the caller holds the lock."""
        return 0 if before is None else len(self._settled(before))

    def _settled(self, before: int) -> list[FiringRecord]:
        rows = (row for row in self._firings.values() if row.status not in (QUEUED, STARTING))
        return [row for row in rows if row.fired_at < before and not (row.holds and self._runs(row))]

    def _runs(self, row: FiringRecord) -> bool:
        execution = self._executions.get(row.execution_id)
        return execution is not None and execution.status not in TERMINAL_EXECUTION

    def _fired(self, trigger_id: str, keys: Sequence[str], known: Sequence[str]) -> Fired:
        return Fired(firings=tuple(self._firings[trigger_id, key] for key in keys), known=tuple(known))

    def _of(self, trigger_id: str) -> list[FiringRecord]:
        return [row for row in self._firings.values() if row.trigger_id == trigger_id]

    def _active(self, trigger_id: str) -> list[FiringRecord]:
        """Those whose executions have not ended; the others hold no longer."""
        active = []
        for row in self._of(trigger_id):
            if row.holds and (row.status == STARTING or self._runs(row)):
                active.append(row)
            elif row.holds:
                self._firings[trigger_id, row.fire_key] = msgspec.structs.replace(row, holds=False)
        return active

    # -- TriggerReader --------------------------------------------------------------------------------------------

    def get(self, trigger_id: str, workspace_id: str | None = None) -> TriggerRecord | None:
        """One trigger."""
        with self._lock:
            found = self._triggers.get(trigger_id)
        return found if found is not None and workspace_id in (None, found.workspace_id) else None

    def page(
        self,
        *,
        workflow_id: str | None = None,
        kind: str | None = None,
        enabled: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """Newest first."""
        with self._lock:
            found = [
                row
                for row in self._triggers.values()
                if row.workspace_id == workspace_id
                and workflow_id in (None, row.workflow_id)
                and kind in (None, row.kind)
                and enabled in (None, row.enabled)
            ]
        return _newest_first("triggers", found, limit, cursor, lambda row: (row.created_at, row.id))

    def of_nodes(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> list[TriggerRecord]:
        """Those of a workflow's nodes."""
        with self._lock:
            rows = [row for row in self._triggers.values() if row.workflow_id == workflow_id and row.node_id]
        return sorted((row for row in rows if row.workspace_id == workspace_id), key=lambda row: row.id)

    def hearing(self, topic: str, workspace_id: str = DEFAULT_WORKSPACE) -> list[TriggerRecord]:
        """Enabled event triggers."""
        with self._lock:
            rows = [row for row in self._triggers.values() if row.topic == topic and row.enabled]
        return sorted((row for row in rows if row.workspace_id == workspace_id), key=lambda row: row.id)

    def due(self, limit: int = 100) -> list[TriggerRecord]:
        """Whose tick has come."""
        with self._lock:
            now = self._clock_ms()
            rows = [row for row in self._triggers.values() if row.next_fire_at is not None and row.next_fire_at <= now]
        return sorted(rows, key=lambda row: (row.next_fire_at or 0, row.id))[:limit]

    def next_at(self) -> int | None:
        """The next tick of all."""
        with self._lock:
            return min((row.next_fire_at for row in self._triggers.values() if row.next_fire_at), default=None)

    def firing(self, trigger_id: str, fire_key: str) -> FiringRecord | None:
        """One firing."""
        with self._lock:
            return self._firings.get((trigger_id, fire_key))

    def history(
        self,
        trigger_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """Newest first."""
        with self._lock:
            rows = [row for row in self._of(trigger_id) if row.workspace_id == workspace_id]
        return _newest_first(f"firings {trigger_id}", rows, limit, cursor, _age)

    def forgotten(self, limit: int = 100) -> list[FiringRecord]:
        """Firings that were to be started, and were not in time."""
        with self._lock:
            now = self._clock_ms()
            rows = [row for row in self._firings.values() if row.retry_at is not None and row.retry_at <= now]
        return sorted(rows, key=lambda row: (row.retry_at or 0, row.fire_key))[:limit]

    def being_started(self) -> set[str]:
        """Executions of firings that are not settled."""
        with self._lock:
            return {row.execution_id for row in self._firings.values() if row.retry_at is not None}

    def with_queue(self) -> list[str]:
        """Triggers with queued firings."""
        with self._lock:
            return sorted({row.trigger_id for row in self._firings.values() if row.status == QUEUED})

    def running(self, trigger_id: str) -> list[str]:
        """Executions that have not ended."""
        with self._lock:
            started = [row.execution_id for row in self._of(trigger_id) if row.status == STARTED and row.holds]
            known = [self._executions[its_id] for its_id in started if its_id in self._executions]
        return sorted(record.id for record in known if record.status not in TERMINAL_EXECUTION)


def _unknown(trigger_id: str) -> Refused:
    return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no trigger {trigger_id!r}")


def _turn(row: FiringRecord) -> tuple[int, int, str]:
    return row.scheduled_at or 0, row.fired_at, row.fire_key


def _age(row: FiringRecord) -> tuple[int, str]:
    return row.fired_at, row.fire_key


def _newest_first(
    listing: str, records: Iterable[Any], limit: int, cursor: str | None, key: Callable[[Any], tuple[int, str]]
) -> Page:
    after = decode_cursor(listing, cursor)
    rows = sorted((record for record in records if after is None or key(record) < after), key=key, reverse=True)
    return cut_page(listing, rows[: limit + 1], limit, key)
