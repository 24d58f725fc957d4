"""What is spent, and the stored values of ended executions, in the dictionaries of a MemoryStore."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from flowray.persistence.memory_tables import MemoryTables
from flowray.persistence.payloads.ids import owner_name, owner_of
from flowray.persistence.payloads.names import Names
from flowray.persistence.records import ExecutionRecord, WaitpointRecord
from flowray.persistence.retention.upkeep import OVER_FOR_GOOD
from flowray.persistence.writes.retention import DELETED, Collected
from flowray.persistence.writes.spent import CollectSpent, CollectValues, Spent
from flowray.persistence.writes.waitpoints import OPEN, sources_of


class MemorySpent:
    """Applies the writes of ``writes.spent``, and counts what they would remove. Callers hold the lock."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    @property
    def apply(self) -> dict[type[Any], Callable[[Any], Any]]:
        """Write → what applies it."""
        return {CollectSpent: self._collect, CollectValues: self._collect_values}

    def counts(self, before: int, history_before: int | None) -> dict[str, int]:
        """How much is spent."""
        return {name: len(keys) for name, (keys, _) in self._spent(before, history_before).items()}

    def _collect(self, write: CollectSpent) -> Spent:
        removed = {}
        for name, (keys, drop) in self._spent(write.before, write.history_before).items():
            for key in keys[: write.limit]:
                drop(key)
            removed[name] = len(keys[: write.limit])
        return Spent(**removed, more=write.limit in removed.values())

    def _spent(self, before: int, history_before: int | None) -> dict[str, tuple[list[Any], Callable[[Any], Any]]]:
        """The keys of what is spent, and what removes one."""
        tables = self._tables
        active = {record.id for record in tables.active()}
        changes = [key for key, ts in tables.metadata_changes.items() if ts < before]
        callbacks = [] if history_before is None else tables.callbacks.settled(history_before)
        waitpoints = [] if history_before is None else self._forgotten_waitpoints(history_before)
        return {
            "limit_uses": (tables.limits.unheld(before, active), tables.limits.drop),
            "metadata_changes": (changes, tables.metadata_changes.pop),
            "callbacks": (callbacks, tables.callbacks.drop),
            "waitpoints": (waitpoints, tables.waitpoints.pop),
        }

    def _forgotten_waitpoints(self, before: int) -> list[str]:
        rows = list(self._tables.waitpoints.values())
        waited = {(row.workspace_id, row.source) for row in rows if row.status == OPEN and row.source is not None}
        return [
            row.id
            for row in rows
            if row.execution_id is None
            and _is_over(row, before)
            and waited.isdisjoint((row.workspace_id, source) for source in sources_of(row))
        ]

    def _collect_values(self, write: CollectValues) -> Collected:
        record = self._tables.executions.get(write.execution_id)
        if record is None or not has_ended(self._tables, record, write.before):
            return Collected()
        owner = owner_name(write.execution_id)
        known = self._tables.payloads.sizes()
        gone = [its_id for its_id in write.payload_ids if its_id in known and owner_of(its_id) == owner]
        size = sum(self._tables.payloads.drop(its_id) for its_id in gone)
        self._tables.value_sweeps[record.id] = write.before
        return Collected(payloads=len(gone), bytes=size)


class MemoryValues:
    """A ValueReader. Values have no age here: those of an ended execution are as old as its end."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    def unswept(self, before: int, limit: int, among: Collection[str] | None = None) -> list[str]:
        tables = self._tables
        with tables.lock:
            owners = {owner_of(its_id) for its_id in tables.payloads.sizes()} if among is None else set(among)
            found = [
                record.id
                for record in tables.executions.values()
                if record.id not in tables.value_sweeps
                and has_ended(tables, record, before)
                and (record.id if among is not None else owner_name(record.id)) in owners
            ]
        return found[:limit]

    def named(self, execution_id: str) -> set[str]:
        tables, names, found = self._tables, Names(execution_id), set[str]()
        with tables.lock:
            family = {row.id for row in tables.executions.values() if execution_id in (row.id, row.root_id)}
            rows: list[Any] = [tables.executions[its_id] for its_id in family]
            for its_id in family:
                rows += [batch.events for batch in tables.batches.get(its_id, ())]
                rows += tables.node_logs.get(its_id, {}).values()
                rows += tables.inboxes.get(its_id, {}).values()
                rows += [tables.snapshots[its_id].data] if its_id in tables.snapshots else []
                rows += tables.callbacks.of(its_id)
            rows += [row for row in tables.waitpoints.values() if row.execution_id in family]
            for row in rows:
                found |= names.within(row if isinstance(row, bytes) else msgspec.json.encode(row))
        return found

    def stored(self, execution_id: str, before: int) -> dict[str, int]:
        owner = owner_name(execution_id)
        with self._tables.lock:
            return {its_id: size for its_id, size in self._tables.payloads.sizes().items() if owner_of(its_id) == owner}


def has_ended(tables: MemoryTables, record: ExecutionRecord, before: int) -> bool:
    """As ``sql_values``: the first caller of a family all of which ended before then, none of it so that it may be
    driven on."""
    if record.root_id is not None or record.workspace_id == DELETED:
        return False
    family = [row for row in tables.executions.values() if record.id in (row.id, row.root_id)]
    return all(row.status in OVER_FOR_GOOD and row.ended_at is not None and row.ended_at < before for row in family)


def _is_over(row: WaitpointRecord, before: int) -> bool:
    if row.status != OPEN:
        return row.completed_at is not None and row.completed_at < before
    return not row.token and row.expires_at is None and row.created_at < before
