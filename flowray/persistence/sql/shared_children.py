"""Shared children in SQL: calls are noted, and ends told, under the lock of the child's row.

So either the commit that ends a child sees a call, or the call sees the end (R25). Callers are not locked by the end of
their child: a row in the inbox of one that has just ended does no harm, and the dedupe key decides about repeats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Engine, Row, Select, bindparam, select

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode
from flowray.persistence.database.engine import query, reading
from flowray.persistence.database.tables import executions
from flowray.persistence.database.transaction import Standing, Transaction, chunks
from flowray.persistence.inbox.sql import post
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.rows import from_row
from flowray.persistence.shared_children.calls import end_row, has_ended
from flowray.persistence.shared_children.tables import child_calls
from flowray.persistence.writes import AnyResult, AppendEvents, Done, Fenced, Inserted, InsertExecution, Refused
from flowray.persistence.writes.shared_children import JoinChild

_CHILDREN = select(executions).where(executions.c.id.in_(bindparam("ids", expanding=True)))
_WAITING: Select[Any] = (
    select(child_calls.c.child_id, child_calls.c.parent_id, child_calls.c.parent_key, executions.c.workspace_id)
    .join(executions, executions.c.id == child_calls.c.parent_id)
    .where(
        child_calls.c.child_id.in_(bindparam("ids", expanding=True)),
        executions.c.status.not_in(sorted(TERMINAL_EXECUTION)),
    )
    .order_by(child_calls.c.parent_id, child_calls.c.parent_key)
)


def note_first_callers(tx: Transaction, writes: Sequence[InsertExecution], results: Sequence[AnyResult]) -> None:
    """Whoever has just started a shared child waits for it, in the transaction that inserts it."""
    calls = [
        (str(write.record.parent_id), write.shared_key, write.record.id, write.record.created_at)
        for write, result in zip(writes, results, strict=True)
        if write.shared_key is not None and isinstance(result, Inserted)
    ]
    _note(tx, calls)


def join_children(tx: Transaction, writes: Sequence[JoinChild]) -> list[AnyResult]:
    """Both rows of each are locked."""
    return [_join(tx, write) for write in writes]


def _join(tx: Transaction, write: JoinChild) -> AnyResult:
    child, parent = tx.standings.get(write.child_id), tx.standings.get(write.parent_id)
    if parent is None or parent.epoch != write.parent_epoch or has_ended(parent.status):
        return Fenced()
    if child is None or child.workspace_id != parent.workspace_id:
        return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no execution {write.child_id!r}")
    _note(tx, [(write.parent_id, write.parent_key, write.child_id, write.ts)])
    if not has_ended(child.status):
        return Done()
    (record,) = _records(tx, [write.child_id])
    post(tx, [end_row(record, write.parent_id, write.parent_key)])
    return Done(told=(write.parent_id,))


def _note(tx: Transaction, calls: Iterable[tuple[str, str | None, str, int]]) -> None:
    rows = [
        {
            "workspace_id": tx.standings[parent_id].workspace_id,
            "parent_id": parent_id,
            "parent_key": parent_key,
            "child_id": child_id,
            "created_at": ts,
        }
        for parent_id, parent_key, child_id, ts in calls
    ]
    if rows:
        tx.connection.execute(tx.insert(child_calls), rows)


def tell_callers(tx: Transaction, writes: Sequence[AppendEvents]) -> dict[str, tuple[str, ...]]:
    """Put the ends of shared children that these appends, which have been written, bring into the inboxes of all who
    wait for them. Returns who was told, by child.
    """
    ended = sorted(
        {
            write.execution_id
            for write in writes
            if has_ended(write.changes.get("status")) and tx.standings[write.execution_id].is_shared
        }
    )
    told: dict[str, list[str]] = defaultdict(list)
    if not ended:
        return {}
    records = {record.id: record for record in _records(tx, ended)}
    rows: list[InboxRecord] = []
    for call in _waiting(tx, ended):
        rows.append(end_row(records[call.child_id], call.parent_id, call.parent_key))
        tx.standings.setdefault(call.parent_id, Standing(call.workspace_id, "", 0, 0))
        told[call.child_id].append(call.parent_id)
    post(tx, rows)
    return {child_id: tuple(dict.fromkeys(parents)) for child_id, parents in told.items()}


def _waiting(tx: Transaction, child_ids: Sequence[str]) -> Iterator[Row[Any]]:
    for ids in chunks(child_ids):
        yield from tx.connection.execute(_WAITING, {"ids": ids})


def _records(tx: Transaction, ids: Sequence[str]) -> list[ExecutionRecord]:
    found = (row for some in chunks(ids) for row in tx.connection.execute(_CHILDREN, {"ids": some}).mappings())
    return [from_row(ExecutionRecord, row) for row in found]


class SqlSharedChildren:
    """A SharedChildReader over the table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def child_of(self, parent_id: str, parent_key: str) -> str | None:
        columns = child_calls.c
        statement = select(columns.child_id).where(columns.parent_id == parent_id, columns.parent_key == parent_key)
        return query(
            self._engine,
            "what a call waits for",
            lambda connection: connection.execute(statement).scalar_one_or_none(),
        )

    def callers(self, child_id: str) -> list[str]:
        columns = child_calls.c
        statement = select(columns.parent_id).where(columns.child_id == child_id).distinct().order_by(columns.parent_id)
        return query(
            self._engine, "who waits for a child", lambda connection: list(connection.execute(statement).scalars())
        )
