"""Shared waitpoints in SQL: created, answered, timed out, and what that means for the executions that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, select, update

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.engine.waitpoint_sources import is_shared
from flowray.errors import ErrorCode
from flowray.persistence.database.tables import inbox, waitpoints
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.database.waitpoint_locks import SHARED_ROWS, shared_row, waiting_for
from flowray.persistence.records import InboxRecord, WaitpointRecord
from flowray.persistence.rows import from_row, to_row
from flowray.persistence.writes import AnyResult, AppendEvents, Existing, Inserted, Refused
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
    outcome_row,
    timed_out,
)

_THERE = select(inbox.c.id).where(inbox.c.id.in_(bindparam("ids", expanding=True)))
_NOTE = (
    update(waitpoints)
    .where(waitpoints.c.id == bindparam("its_id"), waitpoints.c.status == OPEN)
    .values(completed_from=bindparam("new_from", type_=waitpoints.c.completed_from.type))
)


def create_waitpoints(tx: Transaction, writes: Sequence[CreateWaitpoint]) -> list[AnyResult]:
    """Insert what is new, and give what stands on demand what it lacks."""
    return [_create(tx, write.record) for write in writes]


def _create(tx: Transaction, record: WaitpointRecord) -> AnyResult:
    standing = tx.shared.get(record.id)
    if standing is None:
        if tx.connection.execute(tx.insert(waitpoints), [shared_row(record)]).rowcount:
            tx.shared.put(record)
            return Inserted(id=record.id, status=record.status)
        # Somebody has created it since this transaction looked.
        row = tx.connection.execute(SHARED_ROWS, {"ids": [record.id], "hashes": []}).mappings().one()
        standing = from_row(WaitpointRecord, row)
        tx.shared.put(standing)
    whole = adopted(standing, record)
    if whole is None:
        return Existing(id=standing.id, request_hash=standing.request_hash, status=standing.status)
    _save(tx, whole)
    return Inserted(id=whole.id, status=whole.status)


def complete_waitpoints(tx: Transaction, writes: Sequence[CompleteWaitpoint]) -> list[AnyResult]:
    """Close those that are open; tell everyone that waits for them."""
    return [_complete(tx, write) for write in writes]


def _complete(tx: Transaction, write: CompleteWaitpoint) -> AnyResult:
    shared = tx.shared.get(write.id)
    if shared is None or shared.workspace_id != write.workspace_id:
        return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no waitpoint {write.id!r}")
    if shared.status == OPEN:
        shared = closed_with(shared, write, tx.now)
        _save(tx, shared)
    return closed_result(shared, write, _release(tx, shared))


def expire_waitpoints(tx: Transaction, writes: Sequence[ExpireWaitpoints]) -> list[AnyResult]:
    """Close those whose time is up."""
    return [_expire(tx, write) for write in writes]


def _expire(tx: Transaction, write: ExpireWaitpoints) -> AnyResult:
    released: list[str] = []
    for its_id in sorted(write.ids):
        shared = tx.shared.get(its_id)
        if shared is not None and shared.status == OPEN and is_due(shared, tx.now):
            shared = timed_out(shared, tx.now)
            _save(tx, shared)
            released.extend(_release(tx, shared))
    return Expired(released=tuple(dict.fromkeys(released)))


def begun(tx: Transaction, writes: Sequence[AppendEvents]) -> dict[str, tuple[InboxRecord, ...]]:
    """Waits that begin with these appends and are over already: the rows that say so, by execution."""
    found: dict[str, list[InboxRecord]] = {}
    for write in writes:
        workspace_id = tx.standings[write.execution_id].workspace_id
        for record in write.waitpoints:
            if record.source is None or not is_shared(record.source):
                continue
            row = outcome_row(record, tx.shared.meant_by(record.source, workspace_id), tx.now)
            if row is not None:
                found.setdefault(write.execution_id, []).append(row)
    _tell(tx, [(row, tx.standings[its_id].workspace_id) for its_id, rows in found.items() for row in rows])
    return {its_id: tuple(rows) for its_id, rows in found.items()}


def _save(tx: Transaction, shared: WaitpointRecord) -> None:
    values = {name: value for name, value in shared_row(shared).items() if name not in ("id", "workspace_id")}
    tx.connection.execute(update(waitpoints).where(waitpoints.c.id == shared.id).values(**values))
    tx.shared.put(shared)


def _release(tx: Transaction, shared: WaitpointRecord) -> tuple[str, ...]:
    """Put its outcome into the inboxes of all that wait for it; returns whose."""
    rows: list[tuple[InboxRecord, str]] = []
    for waiting in waiting_for(tx.connection, [shared]):
        standing = tx.standings.get(waiting.execution_id or "")
        row = outcome_row(waiting, shared, tx.now)
        if row is not None and (standing is None or standing.status not in TERMINAL_EXECUTION):
            rows.append((row, waiting.workspace_id))
    _tell(tx, rows)
    return tuple(dict.fromkeys(row.execution_id for row, _ in rows))


def _tell(tx: Transaction, rows: Sequence[tuple[InboxRecord, str]]) -> None:
    """Insert inbox rows unless their waits are over, and note on the waitpoints of those that count from where."""
    if not rows:
        return
    values = [{**to_row(row), "workspace_id": workspace_id} for row, workspace_id in rows]
    tx.connection.execute(tx.insert(inbox), values)
    kept = set(tx.connection.execute(_THERE, {"ids": [row.id for row, _ in rows]}).scalars())
    note_origins(tx, [row for row, _ in rows if row.id in kept])


def note_origins(tx: Transaction, rows: Iterable[InboxRecord]) -> None:
    """From where the answers came that these rows are."""
    notes = [{"its_id": row.waitpoint_id, "new_from": row.origin} for row in rows if row.waitpoint_id and row.origin]
    if notes:
        tx.connection.execute(_NOTE, notes)
