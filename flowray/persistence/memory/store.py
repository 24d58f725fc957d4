"""Everything kept in dictionaries of this process, many payloads in a spool: for local runs and tests. Gone with it.

Same contract as the SQL stores and held to the same conformance suite; one lock stands for the transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.callbacks.records import callback_of
from flowray.persistence.idempotency import is_spent
from flowray.persistence.memory.reader import MemoryReader
from flowray.persistence.memory_tables import MemoryTables
from flowray.persistence.payloads.ids import payload_id
from flowray.persistence.queues.admission import NOT_STARTED, has_expired
from flowray.persistence.queues.memory import MemoryQueues, admit_new, chosen, configure_queue
from flowray.persistence.records import (
    EventBatch,
    ExecutionRecord,
    InboxRecord,
    NodeLogRecord,
    OwnerRecord,
    WaitpointClosing,
    WorkflowRecord,
)
from flowray.persistence.retention.memory import MemoryUpkeep
from flowray.persistence.rows import check_changes, from_row
from flowray.persistence.waitpoints.memory import MemoryWaitpoints
from flowray.persistence.writes import (
    AnyResult,
    AnyWrite,
    AppendEvents,
    Claim,
    Claimed,
    ClaimExecutions,
    ClearMemory,
    DeleteWorkflow,
    Done,
    Existing,
    Fenced,
    Inserted,
    InsertExecution,
    InsertInbox,
    Leased,
    Pending,
    PutPayload,
    Refused,
    RegisterOwner,
    ReleaseOwner,
    RenewLease,
    Saved,
    SaveWorkflow,
)
from flowray.persistence.writes.callbacks import ClaimCallbacks, RedeliverCallback, SettleCallback
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.limits import DeleteLimit, SaveLimit, ShareLimits
from flowray.persistence.writes.metadata import ChangeMetadata
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.persistence.writes.shared_children import JoinChild
from flowray.persistence.writes.waitpoints import CompleteWaitpoint, CreateWaitpoint, ExpireWaitpoints
from flowray.values import exactly

logger = logging.getLogger(__name__)

_RELEASED = 0


class MemoryStore(MemoryReader):
    """A Committer and a Reader; ``events`` is its EventLog, ``payloads`` its PayloadStore. Thread-safe."""

    def __init__(self, clock_ms: Callable[[], int] = lambda: int(time.time() * 1_000)) -> None:
        super().__init__(MemoryTables(threading.RLock(), clock_ms))
        self.payloads = MemoryPayloads(self._tables)
        self.upkeep = MemoryUpkeep(self._tables)
        self._waits = MemoryWaitpoints(self._tables)
        self.queues = MemoryQueues(self._tables)
        self._apply: dict[type[AnyWrite], Callable[[Any], AnyResult]] = {
            SaveWorkflow: self._save_workflow,
            DeleteWorkflow: self._delete_workflow,
            InsertExecution: self._insert_execution,
            JoinChild: self._join_child,
            AppendEvents: self._append_events,
            InsertInbox: self._insert_inbox,
            RegisterOwner: self._register_owner,
            RenewLease: self._renew_lease,
            ReleaseOwner: self._release_owner,
            ClaimExecutions: self._claim_executions,
            CreateWaitpoint: self._waits.create,
            CompleteWaitpoint: self._waits.complete,
            ExpireWaitpoints: self._waits.expire,
            ChangeMetadata: self._waits.change_metadata,
            ImportExecution: self._waits.import_execution,
            PutPayload: self._put_payload,
            ClaimCallbacks: self.callbacks.claim,
            SettleCallback: self.callbacks.settle,
            RedeliverCallback: self.callbacks.redeliver,
            SaveLimit: self.limits.save,
            DeleteLimit: self.limits.delete,
            ShareLimits: self.limits.share,
            ClearMemory: self._clear_memory,
            **self.upkeep.apply,
            ConfigureQueue: self._configure_queue,
            **self.triggers.writes(),
            **self.connections.writes(),
            **self.knowledge.writes(),
        }

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        with self._tables.lock:
            return [self._attempt(write) for write in writes]

    def _attempt(self, write: AnyWrite) -> AnyResult:
        # Each checks everything before it changes anything, so a refused write leaves nothing behind.
        try:
            return self._apply[type(write)](write)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            logger.exception("a write was refused: %s", type(write).__name__)
            return Refused(code=ErrorCode.INTERNAL, detail=f"{type(error).__name__}: {error}")

    # -- workflows ------------------------------------------------------------------------------------------------

    def _save_workflow(self, write: SaveWorkflow) -> AnyResult:
        key = (write.workspace_id, write.id)
        current = self._tables.workflows.get(key)
        if current is None and write.must_exist:
            return _unknown("workflow", write.id)
        if current is not None and current.hash == write.hash:
            return Saved(
                version=current.version, created_at=current.created_at, updated_at=current.updated_at, changed=False
            )
        version, created_at, created_by = 1, write.ts, write.created_by
        if current is not None:
            version, created_at, created_by = current.version + 1, current.created_at, current.created_by
        saved = WorkflowRecord(
            id=write.id,
            name=write.name,
            version=version,
            hash=write.hash,
            definition=msgspec.to_builtins(write.definition),
            diagnostics=tuple(msgspec.to_builtins(write.diagnostics)),
            created_at=created_at,
            updated_at=write.ts,
            created_by=created_by,
            workspace_id=write.workspace_id,
        )
        self._tables.workflows[key] = saved
        self._tables.versions[*key, version] = msgspec.structs.replace(saved, created_at=write.ts, diagnostics=())
        return Saved(version=version, created_at=created_at, updated_at=write.ts)

    def _delete_workflow(self, write: DeleteWorkflow) -> AnyResult:
        deleted = self._tables.workflows.pop((write.workspace_id, write.id), None)
        for key in [key for key in self._tables.versions if key[:2] == (write.workspace_id, write.id)]:
            del self._tables.versions[key]
        self._tables.memory.clear((write.workspace_id, write.id))
        self._tables.triggers.forget_workflow(write.workspace_id, write.id)
        return Done() if deleted is not None else _unknown("workflow", write.id)

    # -- executions -----------------------------------------------------------------------------------------------

    def _insert_execution(self, write: InsertExecution) -> AnyResult:
        record = from_row(ExecutionRecord, msgspec.to_builtins(write.record))
        if (present := self._tables.executions.get(record.id)) is not None:
            mine = (present.owner_id, present.epoch) == (record.owner_id, record.epoch)
            return Inserted(id=record.id, status=present.status, elsewhere=not mine)
        if write.parent_epoch is not None:
            parent = self._tables.executions.get(str(record.parent_id))
            if parent is None or parent.epoch != write.parent_epoch or parent.status in TERMINAL_EXECUTION:
                return Fenced()
        if record.idempotency_key is not None:
            key = (record.workspace_id, record.workflow_id, record.idempotency_key)
            taken = self._tables.idempotency.setdefault(key, record.id)
            other = self._tables.executions.get(taken)
            if other is not None and is_spent(other, self._tables.clock_ms()):
                self._tables.put_execution(msgspec.structs.replace(other, idempotency_key=None))
                self._tables.idempotency[key] = record.id
            elif other is not None:
                return Existing(id=taken, request_hash=other.request_hash, status=other.status)
        self._tables.plans.setdefault(record.plan_hash, write.plan)
        placed = admit_new(self._tables, record)
        self._tables.put_execution(placed)
        if write.shared_key is not None:
            self.shared_children.note(str(record.parent_id), write.shared_key, record.id)
        return Inserted(id=record.id, status=placed.status, elsewhere=placed.owner_id != record.owner_id)

    def _join_child(self, write: JoinChild) -> AnyResult:
        child, parent = (self._tables.executions.get(its_id) for its_id in (write.child_id, write.parent_id))
        if parent is None or parent.epoch != write.parent_epoch or parent.status in TERMINAL_EXECUTION:
            return Fenced()
        if child is None or child.workspace_id != parent.workspace_id:
            return _unknown("execution", write.child_id)
        self.shared_children.note(write.parent_id, write.parent_key, write.child_id)
        told = [row for row in self.shared_children.ends(child) if row.execution_id == write.parent_id]
        return Done(told=self._post(told))

    def _post(self, rows: Sequence[InboxRecord]) -> tuple[str, ...]:
        for row in rows:
            if (target := self._tables.executions.get(row.execution_id)) is not None:
                self._insert_inbox(InsertInbox(record=row, workspace_id=target.workspace_id))
        return tuple(dict.fromkeys(row.execution_id for row in rows))

    def _append_events(self, write: AppendEvents) -> AnyResult:
        check_changes(write.changes)
        record = self._tables.executions.get(write.execution_id)
        if record is None:
            return Fenced()
        batches = self._tables.batches.setdefault(write.execution_id, [])
        if (record.epoch, record.last_seq) != (write.epoch, write.expected_seq):
            return Done() if _already_written(write, record, batches) else Fenced()
        waiting = self._tables.inboxes.get(write.execution_id, {})
        if write.refuse_on_inbox is not None:
            rows = [row for row in waiting.values() if row.consumed_at is None and row.id not in write.consumed]
            if pending := tuple(sorted((row for row in rows if row.kind == write.refuse_on_inbox), key=_age)):
                return Pending(inbox=pending)
        changes = {"updated_at": write.ts, **msgspec.to_builtins(write.changes), "last_seq": write.last_seq}
        if write.release:
            changes["owner_id"] = None
        changed = from_row(ExecutionRecord, {**msgspec.structs.asdict(record), **changes})
        self.callbacks.insert(callback_of(write, record.status, record.callback), record.workspace_id)
        logs = [from_row(NodeLogRecord, msgspec.to_builtins(log)) for log in write.node_logs]
        self._tables.put_execution(changed)
        if write.last_seq > write.expected_seq:
            batches.append(
                EventBatch(
                    execution_id=write.execution_id,
                    first_seq=write.expected_seq + 1,
                    last_seq=write.last_seq,
                    epoch=write.epoch,
                    events=exactly(write.events),
                )
            )
        kept = self._tables.node_logs.setdefault(write.execution_id, {})
        for log in logs:
            kept[log.id] = msgspec.structs.replace(log, seq=kept[log.id].seq) if log.id in kept else log
        for inbox_id in write.consumed:
            if (row := waiting.get(inbox_id)) is not None and row.consumed_at is None:
                waiting[inbox_id] = msgspec.structs.replace(row, consumed_at=write.ts, claimed_epoch=write.epoch)
        self._record_waits(write, record.workspace_id)
        self._tables.memory.apply(write, record.workspace_id)
        over = self._waits.begun(write, record.workspace_id) if write.waitpoints else ()
        self._post(write.outbox)
        return Done(inbox=over, told=self._post(self.shared_children.ends(changed)))

    def _record_waits(self, write: AppendEvents, workspace_id: str) -> None:
        kept = self._tables.waitpoints
        for opened in write.waitpoints:
            kept.setdefault(opened.id, msgspec.structs.replace(opened, workspace_id=workspace_id))
        if write.snapshot is not None:
            self._tables.snapshots[write.execution_id] = write.snapshot
        for its_id, row in kept.items():
            closed_by_crash = write.reopened_waitpoints is not None and row.completed_at == write.reopened_waitpoints
            if closed_by_crash and (row.execution_id, row.status) == (write.execution_id, "cancelled"):
                kept[its_id] = msgspec.structs.replace(row, status="open", completed_at=None)
        closings = list(write.closed_waitpoints)
        if write.close_waitpoints:
            mine = [row.id for row in kept.values() if row.execution_id == write.execution_id]
            closings += [WaitpointClosing(id=its_id, status="cancelled") for its_id in mine]
        for end in closings:
            if end.id in kept and kept[end.id].status == "open":
                kept[end.id] = msgspec.structs.replace(
                    kept[end.id], status=end.status, completed_at=write.ts, completed_by=end.by, data=end.data
                )

    def _insert_inbox(self, write: InsertInbox) -> AnyResult:
        record = from_row(InboxRecord, msgspec.to_builtins(write.record))
        execution = self._tables.executions.get(record.execution_id)
        if execution is None or execution.workspace_id != write.workspace_id:
            return _unknown("execution", record.execution_id)
        rows = self._tables.inboxes.setdefault(record.execution_id, {})
        if record.id in rows:
            return Inserted(id=record.id, status=execution.status)
        for row in rows.values():
            if record.dedupe_key is not None and row.dedupe_key == record.dedupe_key:
                return Existing(id=row.id, status=execution.status)
        if execution.status in TERMINAL_EXECUTION:
            return Refused(code=ErrorCode.EXECUTION_ENDED, detail=execution.status)
        if not record.received_at:
            record = msgspec.structs.replace(record, received_at=self._tables.clock_ms())
        rows[record.id] = record
        self._waits.note_origin(record)
        return Inserted(id=record.id, status=execution.status)

    # -- owners ---------------------------------------------------------------------------------------------------

    def _register_owner(self, write: RegisterOwner) -> AnyResult:
        now = self._tables.clock_ms()
        superseded = {int(pid) for pid in write.supersedes}
        for owner in list(self._tables.owners.values()):
            same_place = (owner.actor_name, owner.host) == (write.actor_name, write.host) and owner.id != write.id
            if same_place and owner.pid in superseded and owner.lease_until > now:
                self._tables.owners[owner.id] = msgspec.structs.replace(owner, lease_until=now)
        self._tables.owners[write.id] = OwnerRecord(
            id=write.id,
            kind=write.kind,
            generation=write.generation,
            lease_until=now + write.lease_ms,
            actor_name=write.actor_name,
            actor_id=write.actor_id,
            host=write.host,
            pid=write.pid,
            log_location=write.log_location,
        )
        return Leased(lease_until=now + write.lease_ms, now=now)

    def _renew_lease(self, write: RenewLease) -> AnyResult:
        now = self._tables.clock_ms()
        if not self._tables.is_alive(write.id, now):
            return Fenced()
        owner = self._tables.owners[write.id]
        self._tables.owners[write.id] = msgspec.structs.replace(owner, lease_until=now + write.lease_ms)
        return Leased(lease_until=now + write.lease_ms, now=now)

    def _release_owner(self, write: ReleaseOwner) -> AnyResult:
        if (owner := self._tables.owners.get(write.id)) is not None:
            self._tables.owners[write.id] = msgspec.structs.replace(owner, lease_until=_RELEASED)
        return Done()

    def _configure_queue(self, write: ConfigureQueue) -> AnyResult:
        configure_queue(self._tables, write)
        return Done()

    def _claim_executions(self, write: ClaimExecutions) -> AnyResult:
        now = self._tables.clock_ms()
        if not self._tables.is_alive(write.owner_id, now):
            return Claimed()
        if repeated := self._claimed_before(write):
            return Claimed(claims=repeated)
        claims: list[Claim] = []
        for record in chosen(self._tables, write, now):
            owner = self._tables.owners.get(record.owner_id or "")
            died = record.owner_id is not None and (owner is None or owner.lease_until != _RELEASED)
            recovery = died and record.status not in NOT_STARTED
            failures = record.failed_recoveries + died
            expired = has_expired(record, now)
            claims.append(Claim(record.id, record.epoch + 1, record.last_seq, recovery, failures, expired))
            self._tables.claims[record.id] = (write.claim_id, claims[-1])
            self._tables.put_execution(
                msgspec.structs.replace(
                    record,
                    epoch=record.epoch + 1,
                    owner_id=write.owner_id,
                    recoveries=record.recoveries + recovery,
                    failed_recoveries=failures,
                    admitted_at=record.admitted_at if record.owner_id else now,
                )
            )
        return Claimed(claims=tuple(claims))

    def _claimed_before(self, write: ClaimExecutions) -> tuple[Claim, ...]:
        found = []
        for its_id, (claim_id, claim) in self._tables.claims.items():
            record = self._tables.executions[its_id]
            if claim_id == write.claim_id and (record.owner_id, record.epoch) == (write.owner_id, claim.epoch):
                expired = has_expired(record, self._tables.clock_ms())
                found.append(
                    Claim(its_id, record.epoch, record.last_seq, claim.recovery, record.failed_recoveries, expired)
                )
        return tuple(found)

    # -- memory and payloads --------------------------------------------------------------------------------------

    def _clear_memory(self, write: ClearMemory) -> AnyResult:
        self._tables.memory.clear((write.workspace_id, write.workflow_id), write.key)
        return Done()

    def _put_payload(self, write: PutPayload) -> AnyResult:
        self._tables.payloads.put(write.id, write.data)
        return Done()


class MemoryPayloads:
    """A PayloadStore over the spool of a MemoryStore: large executions must not fill the memory of their process."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    def put(self, execution_id: str, key: str, data: bytes) -> str:
        put_id = payload_id(execution_id, data)
        with self._tables.lock:
            self._tables.payloads.put(put_id, data)
        return put_id

    def get(self, payload_id: str) -> bytes:
        with self._tables.lock:
            found = self._tables.payloads.get(payload_id)
        if found is None:
            raise FlowrayError(ErrorCode.PAYLOAD_MISSING, f"there is no payload {payload_id[:200]!r}")
        return found


def _already_written(write: AppendEvents, record: ExecutionRecord, batches: Sequence[EventBatch]) -> bool:
    if write.last_seq == write.expected_seq:
        return record.epoch == write.epoch and record.last_seq > write.expected_seq
    wanted = (write.expected_seq + 1, write.last_seq, write.epoch, write.events)
    return any((batch.first_seq, batch.last_seq, batch.epoch, batch.events) == wanted for batch in batches)


def _unknown(what: str, its_id: str) -> Refused:
    return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no {what} {its_id!r}")


def _age(row: InboxRecord) -> tuple[int, str]:
    return row.received_at, row.id
