"""Shared waitpoints and metadata in the dictionaries of a MemoryStore; what they mean is ``writes.waitpoints``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.engine.waitpoint_sources import hash_in, is_shared, name_in
from flowray.errors import ErrorCode
from flowray.persistence.memory_tables import MemoryTables
from flowray.persistence.records import ExecutionRecord, InboxRecord, NodeLogRecord, WaitpointRecord
from flowray.persistence.rows import from_row
from flowray.persistence.writes import AnyResult, AppendEvents, Existing, Inserted, Refused
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.metadata import (
    ChangeMetadata,
    MetadataChanged,
    change_metadata,
    is_too_large,
    too_large,
)
from flowray.persistence.writes.waitpoints import (
    OPEN,
    CompleteWaitpoint,
    CreateWaitpoint,
    Expired,
    ExpireWaitpoints,
    adopted,
    closed_result,
    closed_with,
    is_due,
    named_id,
    on_demand,
    outcome_row,
    sources_of,
    timed_out,
)


class MemoryWaitpoints:
    """The writes of shared waitpoints, of metadata and of imports over the data of a store, whose lock callers hold."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    def create(self, write: CreateWaitpoint) -> AnyResult:
        """As in SQL."""
        record = from_row(WaitpointRecord, msgspec.to_builtins(write.record))
        standing = self._tables.waitpoints.get(record.id)
        whole = record if standing is None else adopted(standing, record)
        if whole is None:
            assert standing is not None
            return Existing(id=standing.id, request_hash=standing.request_hash, status=standing.status)
        self._tables.waitpoints[whole.id] = whole
        return Inserted(id=whole.id, status=whole.status)

    def complete(self, write: CompleteWaitpoint) -> AnyResult:
        """As in SQL."""
        shared = self._tables.waitpoints.get(write.id)
        if shared is None or shared.execution_id is not None or shared.workspace_id != write.workspace_id:
            return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no waitpoint {write.id!r}")
        if shared.status == OPEN:
            shared = closed_with(shared, write, self._tables.clock_ms())
            self._tables.waitpoints[shared.id] = shared
        return closed_result(shared, write, self._release(shared))

    def expire(self, write: ExpireWaitpoints) -> AnyResult:
        """As in SQL."""
        released: list[str] = []
        now = self._tables.clock_ms()
        for its_id in sorted(write.ids):
            shared = self._tables.waitpoints.get(its_id)
            if shared is not None and shared.execution_id is None and shared.status == OPEN and is_due(shared, now):
                self._tables.waitpoints[its_id] = timed_out(shared, now)
                released.extend(self._release(self._tables.waitpoints[its_id]))
        return Expired(released=tuple(dict.fromkeys(released)))

    def begun(self, write: AppendEvents, workspace_id: str) -> tuple[InboxRecord, ...]:
        """Rows of waits that begin with an append and are over already; the waits' own rows stand by now."""
        rows: list[InboxRecord] = []
        for waiting in write.waitpoints:
            if waiting.source is not None and is_shared(waiting.source):
                shared = self._meant_by(waiting.source, workspace_id)
                row = outcome_row(waiting, shared, self._tables.clock_ms())
                rows.extend([row] if row is not None else [])
        self._tell(rows)
        return tuple(rows)

    def note_origin(self, row: InboxRecord) -> None:
        """From where the answer came that a new inbox row is."""
        waiting = self._tables.waitpoints.get(row.waitpoint_id or "")
        if row.origin and waiting is not None and waiting.status == OPEN:
            self._tables.waitpoints[waiting.id] = msgspec.structs.replace(waiting, completed_from=row.origin)

    def _meant_by(self, source: str, workspace_id: str) -> WaitpointRecord | None:
        name = name_in(source)
        if name is not None:
            made = on_demand(workspace_id, name, self._tables.clock_ms())
            return self._tables.waitpoints.setdefault(named_id(workspace_id, name), made)
        found = (
            row for row in self._tables.waitpoints.values()
            if row.execution_id is None and row.token_hash == hash_in(source) and row.workspace_id == workspace_id
        )  # fmt: skip
        return next(found, None)

    def _release(self, shared: WaitpointRecord) -> tuple[str, ...]:
        sources = sources_of(shared)
        rows: list[InboxRecord] = []
        for waiting in sorted(self._tables.waitpoints.values(), key=lambda row: row.id):
            execution = self._tables.executions.get(waiting.execution_id or "")
            if waiting.source not in sources or waiting.status != OPEN or execution is None:
                continue
            row = outcome_row(waiting, shared, self._tables.clock_ms())
            if execution.workspace_id == shared.workspace_id and execution.status not in TERMINAL_EXECUTION and row:
                rows.append(row)
        self._tell(rows)
        return tuple(dict.fromkeys(row.execution_id for row in rows))

    def _tell(self, rows: Sequence[InboxRecord]) -> None:
        for row in rows:
            present = self._tables.inboxes.setdefault(row.execution_id, {})
            if row.id not in present and all(other.dedupe_key != row.dedupe_key for other in present.values()):
                present[row.id] = row
                self.note_origin(row)

    # -- metadata and imports -------------------------------------------------------------------------------------

    def change_metadata(self, write: ChangeMetadata) -> AnyResult:
        """As in SQL."""
        record = self._tables.executions.get(write.execution_id)
        if record is None or record.workspace_id != write.workspace_id:
            return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no execution {write.execution_id!r}")
        if (record.id, write.id) in self._tables.metadata_changes:
            return MetadataChanged(metadata=record.metadata)
        try:
            changed = msgspec.to_builtins(change_metadata(record.metadata, write.operations))
        except ValueError as error:
            return Refused(code=ErrorCode.CONFLICT, detail=str(error))
        if is_too_large(changed):
            return Refused(code=ErrorCode.BODY_TOO_LARGE, detail=too_large())
        now = self._tables.clock_ms()
        self._tables.metadata_changes[record.id, write.id] = now
        self._tables.put_execution(msgspec.structs.replace(record, metadata=changed, updated_at=now))
        return MetadataChanged(metadata=changed)

    def import_execution(self, write: ImportExecution) -> AnyResult:
        """As in SQL."""
        tables, record = self._tables, from_row(ExecutionRecord, msgspec.to_builtins(write.record))
        if (present := tables.executions.get(record.id)) is not None:
            return Existing(id=present.id, status=present.status)
        tables.plans.setdefault(record.plan_hash, write.plan)
        tables.put_execution(record)
        tables.batches[record.id] = list(write.batches)
        logs = [from_row(NodeLogRecord, msgspec.to_builtins(log)) for log in write.node_logs]
        tables.node_logs[record.id] = {log.id: log for log in logs}
        tables.inboxes[record.id] = {row.id: row for row in write.inbox}
        for waitpoint in write.waitpoints:
            tables.waitpoints[waitpoint.id] = msgspec.structs.replace(waitpoint, workspace_id=record.workspace_id)
        return Inserted(id=record.id, status=record.status)
