"""Writes of the inbox in SQL: requests for the owners of executions (R25)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, insert, or_, select, update

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode
from flowray.persistence.database.tables import inbox
from flowray.persistence.database.transaction import Transaction, chunks
from flowray.persistence.inbox.wakeups import notify_inboxes
from flowray.persistence.records import InboxRecord
from flowray.persistence.rows import from_row, to_row
from flowray.persistence.waitpoints.sql_shared import note_origins
from flowray.persistence.writes import AnyResult, AppendEvents, Existing, Inserted, InsertInbox, Refused

UNCONSUMED = (
    select(inbox)
    .where(inbox.c.execution_id.in_(bindparam("ids", expanding=True)), inbox.c.consumed_at.is_(None))
    .order_by(inbox.c.received_at, inbox.c.id)
)

_TAKEN = select(inbox.c.id, inbox.c.execution_id, inbox.c.dedupe_key).where(
    or_(
        inbox.c.id.in_(bindparam("ids", expanding=True)),
        (inbox.c.execution_id.in_(bindparam("execution_ids", expanding=True)))
        & (inbox.c.dedupe_key.in_(bindparam("keys", expanding=True))),
    )
)

_CONSUME = (
    update(inbox)
    .where(
        inbox.c.id == bindparam("its_id"),
        inbox.c.execution_id == bindparam("its_execution"),
        inbox.c.consumed_at.is_(None),
    )
    .values(consumed_at=bindparam("ts"), claimed_epoch=bindparam("epoch"))
)


def insert_inbox(tx: Transaction, writes: Sequence[InsertInbox]) -> list[AnyResult]:
    """Insert what is new. The execution rows are locked, so nobody inserts into the same inboxes meanwhile."""
    ids: dict[str, str] = {}  # id → id
    keys: dict[tuple[str, str], str] = {}  # (execution, dedupe key) → id
    for some in chunks(writes):
        parameters = {
            "ids": [write.record.id for write in some],
            "execution_ids": [write.record.execution_id for write in some],
            "keys": [write.record.dedupe_key for write in some if write.record.dedupe_key is not None],
        }
        for row in tx.connection.execute(_TAKEN, parameters):
            ids[row.id] = row.id
            if row.dedupe_key is not None:
                keys[row.execution_id, row.dedupe_key] = row.id
    results: list[AnyResult] = []
    rows = []
    for write in writes:
        record = write.record
        standing = tx.standings.get(record.execution_id)
        key = (record.execution_id, record.dedupe_key or "")
        if standing is None or standing.workspace_id != write.workspace_id:
            results.append(Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no execution {record.execution_id!r}"))
        elif record.id in ids:
            results.append(Inserted(id=record.id, status=standing.status))  # a repeat
        elif record.dedupe_key is not None and key in keys:
            results.append(Existing(id=keys[key], status=standing.status))
        elif standing.status in TERMINAL_EXECUTION:
            results.append(Refused(code=ErrorCode.EXECUTION_ENDED, detail=standing.status))
        else:
            ids[record.id] = record.id
            if record.dedupe_key is not None:
                keys[key] = record.id
            rows.append(
                {
                    **to_row(record),
                    "received_at": record.received_at or tx.now,
                    "workspace_id": standing.workspace_id,
                }
            )
            results.append(Inserted(id=record.id, status=standing.status))
    if rows:
        tx.connection.execute(insert(inbox), rows)
        notify_inboxes(tx, (row["execution_id"] for row in rows))
        note_origins(tx, [write.record for write in writes if write.record.origin and write.record.id in ids])
    return results


def post(tx: Transaction, records: Sequence[InboxRecord]) -> None:
    """Insert rows that the commits of other executions send along; their own rows are locked. Repeats are left out."""
    if records:
        rows = [
            {
                **to_row(record),
                "received_at": record.received_at or tx.now,
                "workspace_id": tx.standings[record.execution_id].workspace_id,
            }
            for record in records
        ]
        tx.connection.execute(tx.insert(inbox), rows)
        notify_inboxes(tx, (row["execution_id"] for row in rows))


def unconsumed(tx: Transaction, execution_ids: Iterable[str]) -> dict[str, list[InboxRecord]]:
    """What waits in these inboxes, oldest first."""
    waiting: dict[str, list[InboxRecord]] = {}
    for ids in chunks(set(execution_ids)):
        for row in tx.connection.execute(UNCONSUMED, {"ids": ids}).mappings():
            record = from_row(InboxRecord, row)
            waiting.setdefault(record.execution_id, []).append(record)
    return waiting


def mark_consumed(tx: Transaction, writes: Sequence[AppendEvents]) -> None:
    """Mark what these appends have folded, in their transaction."""
    parameters = [
        {"its_id": inbox_id, "its_execution": write.execution_id, "ts": write.ts, "epoch": write.epoch}
        for write in writes
        for inbox_id in write.consumed
    ]
    if parameters:
        tx.connection.execute(_CONSUME, parameters)
