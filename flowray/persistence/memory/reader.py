"""All that is read from the dictionaries of a MemoryStore, but for what a concept has of its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.eventlog.log import RecordedEvent, number_events
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.memory_tables import MemoryTables, by_creation
from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
    EventBatch,
    ExecutionRecord,
    InboxRecord,
    NodeLogRecord,
    OwnerRecord,
    Page,
    SnapshotRecord,
    WaitpointRecord,
    WorkflowRecord,
)
from flowray.persistence.writes import SUSPECT_AFTER


class MemoryEventLog:
    """An EventLog over lists of batches."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    def read(self, execution_id: str, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        recorded: list[RecordedEvent] = []
        for batch in self._after(execution_id, after):
            recorded.extend(event for event in number_events(batch.first_seq, batch.events) if event.seq > after)
            if len(recorded) >= limit:
                break
        return recorded

    def read_raw(self, execution_id: str, after: int = 0) -> Sequence[bytes]:
        return [batch.events for batch in self._after(execution_id, after)]

    def _after(self, execution_id: str, after: int) -> list[EventBatch]:
        with self._tables.lock:
            batches = self._tables.batches.get(execution_id, [])
            return batches[bisect_right(batches, after, key=lambda batch: batch.last_seq) :]


class MemoryReader:
    """A Reader over the dictionaries."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables
        self.events = MemoryEventLog(tables)
        self.memory = tables.memory
        self.knowledge = tables.knowledge
        self.limits = tables.limits
        self.connections = tables.connections
        self.callbacks = tables.callbacks
        self.shared_children = tables.shared_children
        self.triggers = tables.triggers

    def workflow(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> WorkflowRecord | None:
        with self._tables.lock:
            return self._tables.workflows.get((workspace_id, workflow_id))

    def workflows(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        with self._tables.lock:
            found = [record for record in self._tables.workflows.values() if record.workspace_id == workspace_id]
        return _newest_first("workflows", found, limit, cursor)

    def workflow_version(
        self, workflow_id: str, version: int, workspace_id: str = DEFAULT_WORKSPACE
    ) -> WorkflowRecord | None:
        with self._tables.lock:
            return self._tables.versions.get((workspace_id, workflow_id, version))

    def plan(self, plan_hash: str) -> bytes | None:
        with self._tables.lock:
            return self._tables.plans.get(plan_hash)

    def execution(self, execution_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> ExecutionRecord | None:
        with self._tables.lock:
            record = self._tables.executions.get(execution_id)
        return record if record is not None and record.workspace_id == workspace_id else None

    def execution_by_id(self, execution_id: str) -> ExecutionRecord | None:
        with self._tables.lock:
            return self._tables.executions.get(execution_id)

    def executions_by_ids(self, execution_ids: Sequence[str]) -> list[ExecutionRecord]:
        with self._tables.lock:
            known = map(self._tables.executions.get, execution_ids)
            return [record for record in known if record is not None]

    def executions_owned_by(self, owner_id: str) -> list[str]:
        with self._tables.lock:
            return [
                record.id
                for record in self._tables.executions.values()
                if record.owner_id == owner_id and record.status not in TERMINAL_EXECUTION
            ]

    def descendants(self, root_id: str) -> int:
        with self._tables.lock:
            return sum(record.root_id == root_id for record in self._tables.executions.values())

    def unread_inboxes(self, owner_id: str) -> list[str]:
        return [execution_id for execution_id in self.executions_owned_by(owner_id) if self.inbox(execution_id)]

    def executions(
        self,
        *,
        status: Sequence[str] = (),
        workflow_id: str | None = None,
        batch_id: str | None = None,
        parent_id: str | None = None,
        created_after: int | None = None,
        created_before: int | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        def wanted(record: ExecutionRecord) -> bool:
            return (
                record.workspace_id == workspace_id
                and (not status or record.status in status)
                and (workflow_id is None or record.workflow_id == workflow_id)
                and (batch_id is None or record.batch_id == batch_id)
                and (parent_id is None or record.parent_id == parent_id)
                and (created_after is None or record.created_at > created_after)
                and (created_before is None or record.created_at < created_before)
                and all(record.labels.get(name) == value for name, value in (labels or {}).items())
            )

        with self._tables.lock:
            found = [record for record in self._tables.executions.values() if wanted(record)]
        return _newest_first("executions", found, limit, cursor)

    def node_logs(
        self,
        execution_id: str,
        *,
        node_id: str | None = None,
        status: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        listing = f"node_logs {execution_id}"
        key = decode_cursor(listing, cursor)
        with self._tables.lock:
            logs = list(self._tables.node_logs.get(execution_id, {}).values())
        rows = [
            log
            for log in sorted(logs, key=_started)
            if (node_id is None or log.node_id == node_id)
            and (status is None or log.status == status)
            and (key is None or _started(log) > key)
        ]
        return cut_page(listing, rows[: limit + 1], limit, _started)

    def node_log(self, execution_id: str, log_id: str) -> NodeLogRecord | None:
        with self._tables.lock:
            return self._tables.node_logs.get(execution_id, {}).get(log_id)

    def inbox(self, execution_id: str) -> list[InboxRecord]:
        with self._tables.lock:
            rows = [row for row in self._tables.inboxes.get(execution_id, {}).values() if row.consumed_at is None]
        return sorted(rows, key=lambda row: (row.received_at, row.id))

    def inbox_row(self, execution_id: str, row_id: str) -> InboxRecord | None:
        with self._tables.lock:
            return self._tables.inboxes.get(execution_id, {}).get(row_id)

    def first_received(self, execution_ids: Collection[str], prefix: str) -> dict[str, int]:
        found: dict[str, int] = {}
        with self._tables.lock:
            for execution_id in execution_ids:
                rows = self._tables.inboxes.get(execution_id, {}).values()
                if times := [row.received_at for row in rows if row.id.startswith(prefix)]:
                    found[execution_id] = min(times)
        return found

    def waitpoint(self, waitpoint_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> WaitpointRecord | None:
        with self._tables.lock:
            found = self._tables.waitpoints.get(waitpoint_id)
        return found if found is not None and found.workspace_id == workspace_id else None

    def waitpoint_by_token(self, token_hash: str) -> WaitpointRecord | None:
        with self._tables.lock:
            rows = list(self._tables.waitpoints.values())
        return next((row for row in rows if row.token_hash == token_hash), None)

    def waitpoints(
        self,
        *,
        status: str | None = None,
        execution_id: str | None = None,
        workflow_id: str | None = None,
        kind: str | None = None,
        tag: str | None = None,
        source: str | None = None,
        expires_before: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        with self._tables.lock:
            found = [
                row
                for row in self._tables.waitpoints.values()
                if row.workspace_id == workspace_id
                and (status is None or row.status == status)
                and (execution_id is None or row.execution_id == execution_id)
                and (workflow_id is None or self._workflow_of(row) == workflow_id)
                and (kind is None or row.kind == kind)
                and (tag is None or tag in row.tags)
                and (source is None or row.source == source)
                and (expires_before is None or (row.expires_at is not None and row.expires_at < expires_before))
            ]
        return _newest_first("waitpoints", found, limit, cursor)

    def _workflow_of(self, row: WaitpointRecord) -> str | None:
        execution = self._tables.executions.get(row.execution_id or "")
        return execution.workflow_id if execution is not None else None

    def due_waitpoints(self) -> list[str]:
        with self._tables.lock:
            now = self._tables.clock_ms()
            return [
                row.id
                for row in self._tables.waitpoints.values()
                if row.execution_id is None and row.status == "open" and row.expires_at is not None
                and row.expires_at <= now
            ]  # fmt: skip

    def snapshot(self, snapshot_id: str) -> SnapshotRecord | None:
        with self._tables.lock:
            return next((kept for kept in self._tables.snapshots.values() if kept.id == snapshot_id), None)

    def owners(self) -> list[OwnerRecord]:
        with self._tables.lock:
            now = self._tables.clock_ms()
            alive = [owner for owner in self._tables.owners.values() if owner.lease_until > now]
        return sorted(alive, key=lambda owner: owner.id)

    def claimable(self, suspects: bool = False) -> int:
        with self._tables.lock:
            found = self._tables.claimable(self._tables.clock_ms())
        return sum(record.failed_recoveries >= SUSPECT_AFTER for record in found) if suspects else len(found)

    def now_ms(self) -> int:
        return self._tables.clock_ms()


def _started(log: NodeLogRecord) -> tuple[int, str]:
    return log.seq, log.id


def _newest_first(
    listing: str, records: Iterable[ExecutionRecord | WorkflowRecord | WaitpointRecord], limit: int, cursor: str | None
) -> Page:
    key = decode_cursor(listing, cursor)
    rows = sorted(
        (record for record in records if key is None or by_creation(record) < key), key=by_creation, reverse=True
    )
    return cut_page(listing, rows[: limit + 1], limit, by_creation)
