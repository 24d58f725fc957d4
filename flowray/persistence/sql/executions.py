"""Writes of executions in SQL: new rows with their plans, and appends under the fence (R22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    RowMapping,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.persistence.callbacks.records import CallbackRecord, callback_of
from flowray.persistence.callbacks.sql import insert_callbacks
from flowray.persistence.database.blocks import insert_rows
from flowray.persistence.database.keyed_updates import KeyedUpdate
from flowray.persistence.database.tables import events, executions, node_logs, plans, snapshots
from flowray.persistence.database.transaction import Standing, Transaction, chunks, insert_or_update
from flowray.persistence.idempotency import is_spent
from flowray.persistence.inbox.sql import mark_consumed, post, unconsumed
from flowray.persistence.queues.sql import admit_new
from flowray.persistence.records import InboxRecord
from flowray.persistence.records.executions import is_shared
from flowray.persistence.rows import check_changes, to_row
from flowray.persistence.sql.shared_children import note_first_callers, tell_callers
from flowray.persistence.waitpoints.sql import record_waitpoints
from flowray.persistence.waitpoints.sql_shared import begun
from flowray.persistence.workflow_memory.sql import apply_memory
from flowray.persistence.writes import (
    AnyResult,
    AppendEvents,
    Done,
    Existing,
    Fenced,
    Inserted,
    InsertExecution,
    Pending,
)

_IDENTITY = (
    executions.c.id, executions.c.status, executions.c.epoch, executions.c.last_seq, executions.c.request_hash,
    executions.c.owner_id, executions.c.workspace_id, executions.c.idempotency_expires_at,
    executions.c.batch_id,
)  # fmt: skip

_PLANS_PRESENT = select(plans.c.hash).where(plans.c.hash.in_(bindparam("hashes", expanding=True)))
_BY_ID = select(*_IDENTITY).where(executions.c.id.in_(bindparam("ids", expanding=True)))
_BY_KEY = select(*_IDENTITY).where(
    executions.c.workspace_id == bindparam("workspace_id"),
    func.coalesce(executions.c.workflow_id, "") == bindparam("workflow_id"),
    executions.c.idempotency_key == bindparam("idempotency_key"),
)
_GIVE_UP_KEY = (
    update(executions)
    .where(executions.c.id == bindparam("its_id"), executions.c.idempotency_key == bindparam("its_key"))
    .values(idempotency_key=None)
)
_WRITTEN = select(events.c.first_seq, events.c.epoch, events.c.events).where(
    events.c.execution_id == bindparam("execution_id"), events.c.last_seq == bindparam("last_seq")
)

_EVENTS = insert(events)
_DROP_SNAPSHOTS = delete(snapshots).where(snapshots.c.execution_id == bindparam("its_execution"))


# -- new executions -----------------------------------------------------------------------------------------------


def insert_executions(tx: Transaction, writes: Sequence[InsertExecution]) -> list[AnyResult]:
    """Children after what their parents may be; those that nobody waits for are left out."""
    callers = [write for write in writes if write.parent_epoch is None]
    results: dict[int, AnyResult] = {}
    for group in (callers, [write for write in writes if write.parent_epoch is not None]):
        orphans = _orphans(tx, group)
        kept = [write for write in group if write.record.id not in orphans]
        results.update((id(write), Fenced()) for write in group)
        results.update(zip(map(id, kept), _insert(tx, kept) if kept else (), strict=True))
    return [results[id(write)] for write in writes]


def _insert(tx: Transaction, writes: Sequence[InsertExecution]) -> list[AnyResult]:
    """Plans first, each once; then the rows, leaving out those whose id or idempotency key is taken."""
    _insert_plans(tx, writes)
    rows = [to_row(record) for record in admit_new(tx, [write.record for write in writes])]
    written = insert_rows(tx.connection, tx.insert(executions), rows)
    found: dict[str, RowMapping] = {}
    if written != len(rows):
        for ids in chunks(row["id"] for row in rows):
            found.update((row["id"], row) for row in tx.connection.execute(_BY_ID, {"ids": ids}).mappings())
    all_new = written == len(rows)
    results = [
        _inserted(tx, write, row if all_new else found.get(row["id"])) or _by_key(tx, write, row)
        for write, row in zip(writes, rows, strict=True)
    ]
    note_first_callers(tx, writes, results)
    return results


def _orphans(tx: Transaction, writes: Sequence[InsertExecution]) -> set[str]:
    """New children that nobody waits for any more: their parent has ended, or another owner."""
    orphans = {
        write.record.id
        for write in writes
        if write.parent_epoch is not None and not _waits(tx.standings.get(str(write.record.parent_id)), write)
    }
    for ids in chunks(sorted(orphans)):
        orphans.difference_update(row.id for row in tx.connection.execute(_BY_ID, {"ids": ids}))
    return orphans


def _waits(parent: Standing | None, write: InsertExecution) -> bool:
    return parent is not None and parent.epoch == write.parent_epoch and parent.status not in TERMINAL_EXECUTION


def _insert_plans(tx: Transaction, writes: Sequence[InsertExecution]) -> None:
    # Looked up first, since a plan of ten thousand nodes is megabytes that nobody should send for each execution.
    wanted = {write.record.plan_hash: write for write in writes}
    for hashes in chunks(wanted):
        for present in tx.connection.execute(_PLANS_PRESENT, {"hashes": hashes}).scalars().all():
            del wanted[present]
    if wanted:
        rows = [
            {
                "workspace_id": write.record.workspace_id,
                "hash": plan_hash,
                "plan": write.plan,
                "created_at": write.record.created_at,
            }
            for plan_hash, write in sorted(wanted.items())
        ]
        tx.connection.execute(tx.insert(plans), rows)


def _inserted(tx: Transaction, write: InsertExecution, row: RowMapping | Mapping[str, Any] | None) -> Inserted | None:
    """``row``: the one of this id, new, or of an earlier commit whose acknowledgement was lost: no id is used twice."""
    if row is None:
        return None
    record = write.record
    standing = Standing(
        row["workspace_id"], row["status"], row["epoch"], row["last_seq"], record.callback, is_shared(record)
    )
    tx.standings[record.id] = standing
    mine = (row["owner_id"], row["epoch"]) == (record.owner_id, record.epoch)
    return Inserted(id=record.id, status=row["status"], elsewhere=not mine)


def _by_key(tx: Transaction, write: InsertExecution, row: dict[str, Any]) -> AnyResult:
    """Its idempotency key is taken: the execution that has it, or if the key is spent the new one after all."""
    record = write.record
    key = {
        "workspace_id": record.workspace_id,
        "workflow_id": record.workflow_id or "",
        "idempotency_key": record.idempotency_key,
    }
    taken = tx.connection.execute(_BY_KEY, key).one()
    if is_spent(taken, tx.now):
        # Whoever comes second, in whatever process, waits here, and then finds the key with the first one's.
        tx.connection.execute(_GIVE_UP_KEY, {"its_id": taken.id, "its_key": record.idempotency_key})
        tx.connection.execute(tx.insert(executions), row)
        if (found := tx.connection.execute(_BY_ID, {"ids": [record.id]}).mappings().one_or_none()) is not None:
            return _inserted(tx, write, found) or Fenced()
        taken = tx.connection.execute(_BY_KEY, key).one()
    return Existing(id=taken.id, request_hash=taken.request_hash, status=taken.status)


# -- appends ------------------------------------------------------------------------------------------------------


def append_events(tx: Transaction, writes: Sequence[AppendEvents]) -> list[AnyResult]:
    """Decide each append by where its execution stands, then write the accepted ones in bulk."""
    refusing = [write.execution_id for write in writes if write.refuse_on_inbox is not None]
    waiting = unconsumed(tx, refusing) if refusing else {}
    results: list[AnyResult] = []
    accepted: list[AppendEvents] = []
    posted: list[InboxRecord] = []
    callbacks: list[CallbackRecord] = []
    traces: set[tuple[str, int, int, int, bytes]] = set()  # a caller may also send the same write into one group twice
    for write in writes:
        check_changes(write.changes)
        standing = tx.standings.get(write.execution_id)
        if standing is None or (standing.epoch, standing.last_seq) != (write.epoch, write.expected_seq):
            repeat = standing is not None and (_trace(write) in traces or _already_written(tx, write, standing))
            results.append(Done() if repeat else Fenced())
            continue
        if write.refuse_on_inbox is not None:
            folded = tx.consumed.union(write.consumed)
            rows = (*waiting.get(write.execution_id, ()), *_for(write.execution_id, posted))
            if pending := tuple(row for row in rows if row.kind == write.refuse_on_inbox and row.id not in folded):
                results.append(Pending(inbox=pending))
                continue
        standing.last_seq = write.last_seq
        if (told := callback_of(write, standing.status, standing.callback)) is not None:
            callbacks.append(told)
        standing.status = write.changes.get("status", standing.status)
        tx.consumed.update(write.consumed)
        posted.extend(row for row in write.outbox if _takes_rows(tx.standings.get(row.execution_id)))
        accepted.append(write)
        traces.add(_trace(write))
        results.append(Done())
    _fence(tx, accepted)
    _record(tx, accepted)
    post(tx, posted)
    insert_callbacks(tx, callbacks)
    return _with_rows(writes, results, begun(tx, accepted), tell_callers(tx, accepted))


def _with_rows(
    writes: Sequence[AppendEvents],
    results: list[AnyResult],
    rows: dict[str, tuple[InboxRecord, ...]],
    told: dict[str, tuple[str, ...]],
) -> list[AnyResult]:
    """The results with what came into the executions' own inboxes, and who was told of their ends."""
    if not rows and not told:
        return results
    return [
        Done(inbox=rows.pop(write.execution_id, ()) if write.waitpoints else (), told=told.get(write.execution_id, ()))
        if isinstance(result, Done)
        else result
        for write, result in zip(writes, results, strict=True)
    ]


def _for(execution_id: str, posted: Sequence[InboxRecord]) -> list[InboxRecord]:
    return [row for row in posted if row.execution_id == execution_id]


def _takes_rows(standing: Standing | None) -> bool:
    return standing is not None and standing.status not in TERMINAL_EXECUTION


def _trace(write: AppendEvents) -> tuple[str, int, int, int, bytes]:
    """What tells a repeat of an append from another one."""
    return write.execution_id, write.epoch, write.expected_seq, write.last_seq, write.events


def _already_written(tx: Transaction, write: AppendEvents, standing: Standing) -> bool:
    """An earlier commit of the same write succeeded, only its acknowledgement was lost."""
    if write.last_seq == write.expected_seq:
        # Without an event there is no trace; but the same owner has moved on, and writes in order.
        return standing.epoch == write.epoch and standing.last_seq > write.expected_seq
    key = {"execution_id": write.execution_id, "last_seq": write.last_seq}
    row = tx.connection.execute(_WRITTEN, key).one_or_none()
    return row is not None and (row.first_seq, row.epoch, bytes(row.events)) == (
        write.expected_seq + 1,
        write.epoch,
        write.events,
    )


@lru_cache(maxsize=256)
def _fence_statement(columns: tuple[str, ...], release: bool) -> KeyedUpdate:
    return KeyedUpdate(executions, ("id", "epoch", "last_seq"), columns, ("owner_id",) if release else ())


def _fence(tx: Transaction, writes: Sequence[AppendEvents]) -> None:
    """The compare-and-set of R22, one statement for all writes that change the same columns."""
    shapes: dict[tuple[tuple[str, ...], bool], list[dict[str, Any]]] = {}
    fenced: set[str] = set()
    for write in writes:
        if write.execution_id in fenced:
            # Two appends of one execution must run in their order.
            _run_fences(tx, shapes)
            shapes, fenced = {}, set()
        fenced.add(write.execution_id)
        changes = {"updated_at": write.ts, **write.changes, "last_seq": write.last_seq}
        values = {f"new_{name}": value for name, value in changes.items()}
        values.update(its_id=write.execution_id, its_epoch=write.epoch, its_last_seq=write.expected_seq)
        shapes.setdefault((tuple(sorted(changes)), write.release), []).append(values)
    _run_fences(tx, shapes)


def _run_fences(tx: Transaction, shapes: dict[tuple[tuple[str, ...], bool], list[dict[str, Any]]]) -> None:
    for shape, values in shapes.items():
        updated = _fence_statement(*shape).execute(tx.connection, values)
        if updated != len(values):
            # Cannot happen while the rows are locked; if it does, nothing of this transaction may stand.
            raise RuntimeError(f"{len(values)} compare-and-sets on locked rows changed {updated}")


def _record(tx: Transaction, writes: Sequence[AppendEvents]) -> None:
    """Event rows, node logs and consumed inbox rows of accepted appends."""
    workspace = {write.execution_id: tx.standings[write.execution_id].workspace_id for write in writes}
    batches = [
        {
            "workspace_id": workspace[write.execution_id],
            "execution_id": write.execution_id,
            "first_seq": write.expected_seq + 1,
            "last_seq": write.last_seq,
            "epoch": write.epoch,
            "ts": write.ts,
            "events": write.events,
        }
        for write in writes
        if write.last_seq > write.expected_seq
    ]
    if batches:
        insert_rows(tx.connection, _EVENTS, batches)
    logs = [
        {**to_row(log), "workspace_id": workspace[write.execution_id]} for write in writes for log in write.node_logs
    ]
    if logs:
        # The place in the listing is that of the attempt's start.
        insert_rows(tx.connection, insert_or_update(tx.connection.dialect.name, node_logs, ("seq",)), logs)
    mark_consumed(tx, [write for write in writes if write.consumed])
    record_waitpoints(tx, writes)
    apply_memory(tx, writes)
    _keep_snapshots(tx, writes, workspace)


def _keep_snapshots(tx: Transaction, writes: Sequence[AppendEvents], workspace: dict[str, str]) -> None:
    """An execution keeps its latest snapshot only."""
    kept = [
        {**to_row(write.snapshot), "workspace_id": workspace[write.execution_id]}
        for write in writes
        if write.snapshot is not None
    ]
    if kept:
        tx.connection.execute(_DROP_SNAPSHOTS, [{"its_execution": row["execution_id"]} for row in kept])
        tx.connection.execute(insert(snapshots), kept)
