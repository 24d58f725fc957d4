"""Forgetting what has ended, and looking after what is there, in the dictionaries of a MemoryStore."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.persistence.memory_tables import MemoryTables
from flowray.persistence.payloads.ids import owner_of
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.retention.memory_spent import MemorySpent, MemoryValues
from flowray.persistence.retention.upkeep import Leftovers, RetentionTimes, StorageFigures, UnquietRecord, ValueReader
from flowray.persistence.writes.retention import (
    DELETED,
    Collected,
    CollectOrphans,
    Deleted,
    DeleteExecutions,
    Purged,
    PurgeExecutions,
)

_IN_LINE = (ExecutionStatus.QUEUED, ExecutionStatus.DELAYED, ExecutionStatus.RUNNING)
_AT_WORK = ("running", "waiting")


class MemoryUpkeep:
    """Applies the writes of ``writes.retention``; an UpkeepReader. Payloads have no age here: they go with their
    execution."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables
        self._spent = MemorySpent(tables)
        self.values: ValueReader = MemoryValues(tables)

    @property
    def apply(self) -> dict[type[Any], Callable[[Any], Any]]:
        """Write → what applies it; the caller holds the lock."""
        return {
            DeleteExecutions: self._delete,
            PurgeExecutions: self._purge,
            CollectOrphans: self._collect,
            **self._spent.apply,
        }

    # -- writes ---------------------------------------------------------------------------------------------------

    def _delete(self, write: DeleteExecutions) -> Deleted:
        known = [self._tables.executions[its_id] for its_id in set(write.ids) if its_id in self._tables.executions]
        gone = [record.id for record in known if record.workspace_id == DELETED]
        doomed = [
            record.id for record in known if write.workspace_id in (None, record.workspace_id) and self._may_go(record)
        ]
        members = [member for its_id in doomed for member in self._family(its_id)]
        for member in members:
            self._forget_key(member)
            hidden = msgspec.structs.replace(member, workspace_id=DELETED, idempotency_key=None, owner_id=None)
            self._tables.put_execution(hidden)
        return Deleted(ids=tuple(sorted((*gone, *doomed))), descendants=len(members) - len(doomed))

    def _forget_key(self, record: ExecutionRecord) -> None:
        if record.idempotency_key is not None:
            self._tables.idempotency.pop((record.workspace_id, record.workflow_id, record.idempotency_key), None)

    def _may_go(self, record: ExecutionRecord) -> bool:
        if record.workspace_id == DELETED or record.root_id in self._tables.executions:
            return False
        if self._tables.shared_children.is_awaited(record.id):
            return False
        if any(member.status not in TERMINAL_EXECUTION for member in self._family(record.id)):
            return False
        if record.id in self._tables.triggers.being_started():
            return False
        reruns = (other for other in self._tables.executions.values() if other.rerun_of == record.id)
        return all(other.status in TERMINAL_EXECUTION for other in reruns)

    def _family(self, root_id: str) -> list[ExecutionRecord]:
        everything = self._tables.executions.values()
        return [record for record in everything if root_id in (record.id, record.root_id)]

    def _purge(self, write: PurgeExecutions) -> Purged:
        tables = self._tables
        hidden = [record.id for record in tables.executions.values() if record.workspace_id == DELETED]
        rows = executions = 0
        for its_id in hidden:
            if rows >= write.limit:
                break
            rows += 1 + len(tables.batches.pop(its_id, ())) + len(tables.node_logs.pop(its_id, ()))
            tables.inboxes.pop(its_id, None)
            tables.snapshots.pop(its_id, None)
            tables.callbacks.forget(its_id)
            tables.value_sweeps.pop(its_id, None)
            for change in [key for key in tables.metadata_changes if key[0] == its_id]:
                del tables.metadata_changes[change]
            tables.shared_children.forget(its_id)
            for waitpoint in [row.id for row in tables.waitpoints.values() if row.execution_id == its_id]:
                del tables.waitpoints[waitpoint]
            rows += len(self._drop_payloads([its_id]))
            del tables.executions[its_id]
            executions += 1
        return Purged(rows=rows, executions=executions, more=executions < len(hidden))

    def _drop_payloads(self, owners: Collection[str]) -> list[int]:
        blobs = [blob for blob in self._tables.payloads.sizes() if owner_of(blob) in owners]
        return [self._tables.payloads.drop(blob) for blob in blobs]

    def _collect(self, write: CollectOrphans) -> Collected:
        tables = self._tables
        plans = self._orphan_plans()[: write.limit]
        for its_hash in plans:
            del tables.plans[its_hash]
        owners = self._dangling_owners(write.before)[: write.limit]
        for its_id in owners:
            del tables.owners[its_id]
        return Collected(plans=len(plans), owners=len(owners), more=write.limit in (len(plans), len(owners)))

    def _orphan_plans(self) -> list[str]:
        used = {record.plan_hash for record in self._tables.executions.values()}
        return sorted(self._tables.plans.keys() - used)

    def _dangling_owners(self, before: int) -> list[str]:
        owning = {record.owner_id for record in self._tables.executions.values()}
        return sorted(
            owner.id for owner in self._tables.owners.values() if owner.lease_until < before and owner.id not in owning
        )

    # -- reads ----------------------------------------------------------------------------------------------------

    def past_retention(self, times: RetentionTimes, limit: int) -> list[str]:
        with self._tables.lock:
            ended = [record for record in self._tables.executions.values() if record.status in TERMINAL_EXECUTION]
            due = [record for record in ended if _is_due(record, times) and self._may_go(record)]
        return [record.id for record in sorted(due, key=lambda record: (record.ended_at or 0, record.id))][:limit]

    def present(self, execution_ids: Collection[str]) -> set[str]:
        with self._tables.lock:
            return set(execution_ids) & self._owners()

    def _owners(self) -> set[str]:
        known = self._tables.executions
        return {*known, *(record.root_id for record in known.values() if record.root_id is not None)}

    def storage(self, execution_id: str) -> StorageFigures:
        tables = self._tables
        with tables.lock:
            record = tables.executions.get(execution_id)
            snapshot = tables.snapshots.get(execution_id)
            sizes = tables.payloads.sizes()
            return StorageFigures(
                record=_size([] if record is None else [record]),
                events=sum(len(batch.events) for batch in tables.batches.get(execution_id, ())),
                logs=_size(tables.node_logs.get(execution_id, {}).values()),
                snapshots=0 if snapshot is None else len(snapshot.data),
                inbox=_size(tables.inboxes.get(execution_id, {}).values()),
                payloads=sum(size for blob, size in sizes.items() if owner_of(blob) == execution_id),
            )

    def unquiet(self, before: int, limit: int = 100) -> list[UnquietRecord]:
        with self._tables.lock:
            now = self._tables.clock_ms()
            found = [
                UnquietRecord(
                    id=record.id, status=record.status, workspace_id=record.workspace_id, owner_id=record.owner_id,
                    updated_at=record.updated_at,
                )
                for record in self._tables.active()
                if record.updated_at < before and self._is_unquiet(record, now)
            ]  # fmt: skip
        return sorted(found, key=lambda record: (record.updated_at, record.id))[:limit]

    def _is_unquiet(self, record: ExecutionRecord, now: int) -> bool:
        """As ``retention.sql_upkeep.is_unquiet``."""
        tables = self._tables
        waits = any(row.execution_id == record.id and row.status == "open" for row in tables.waitpoints.values())
        if record.pause is not None or waits or tables.unconsumed(record.id) or record.wake_at is not None:
            return False
        if record.owner_id is None:
            return record.status not in _IN_LINE
        if not tables.is_alive(record.owner_id, now):
            return False
        at_work = any(log.status in _AT_WORK for log in tables.node_logs.get(record.id, {}).values())
        return not at_work and not any(other.parent_id == record.id for other in tables.active())

    def leftovers(self, before: int, history_before: int | None = None) -> Leftovers:
        with self._tables.lock:
            known, owners = self._tables.executions, self._owners()
            blobs = {blob: size for blob, size in self._tables.payloads.sizes().items() if owner_of(blob) not in owners}
            return Leftovers(
                payloads=len(blobs),
                payload_bytes=sum(blobs.values()),
                plans=len(self._orphan_plans()),
                owners=len(self._dangling_owners(before)),
                deleted=sum(record.workspace_id == DELETED for record in known.values()),
                firings=self._tables.triggers.settled(history_before),
                **self._spent.counts(before, history_before),
            )


def _is_due(record: ExecutionRecord, times: RetentionTimes) -> bool:
    if record.retain_until is not None:
        return record.retain_until <= times.now
    before = times.completed_before if record.status == ExecutionStatus.COMPLETED else times.failed_before
    return before is not None and record.ended_at is not None and record.ended_at < before


def _size(records: Iterable[Any]) -> int:
    return sum(len(msgspec.json.encode(record)) for record in records)
