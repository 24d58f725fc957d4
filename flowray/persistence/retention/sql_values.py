"""Stored values of ended executions, in SQL: which families are to be looked through, what they name, what goes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Table,
    Text,
    and_,
    delete,
    exists,
    or_,
    select,
    type_coerce,
)

from flowray.persistence.callbacks.tables import callbacks
from flowray.persistence.database.engine import query, reading
from flowray.persistence.database.tables import (
    JsonText,
    events,
    executions,
    inbox,
    node_logs,
    payloads,
    snapshots,
    waitpoints,
)
from flowray.persistence.database.transaction import Transaction, chunks, insert_or_update
from flowray.persistence.payloads.names import Names
from flowray.persistence.retention.tables import value_sweeps
from flowray.persistence.retention.upkeep import OVER_FOR_GOOD
from flowray.persistence.writes.base import Result
from flowray.persistence.writes.retention import DELETED, Collected
from flowray.persistence.writes.spent import CollectValues

_e, _p, _s = executions.c, payloads.c, value_sweeps.c
_member = executions.alias("member")

_MAY_NAME: tuple[Table, ...] = (events, node_logs, snapshots, inbox, waitpoints, callbacks)
"""What may name a value, beside the rows of executions."""

_AT_ONCE = 100
"""Rows in memory at a time: each may be some MiB."""


class SqlValues:
    """A ValueReader over the tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)
        # Rows are fetched some at a time, for which PostgreSQL needs a transaction.
        self._streaming = engine

    def unswept(self, before: int, limit: int, among: Collection[str] | None = None) -> list[str]:
        found: list[str] = []
        for ids in [None] if among is None else chunks(sorted(among)):
            if len(found) < limit:
                found += self._unswept(before, limit - len(found), ids)
        return found

    def _unswept(self, before: int, limit: int, among: list[str] | None) -> list[str]:
        if among is None:
            later = exists().where(_s.execution_id == _p.execution_id, _s.swept_before > _p.created_at)
            wanted: ColumnElement[bool] = _e.id.in_(select(_p.execution_id).where(_p.created_at < before, ~later))
        else:
            wanted = and_(_e.id.in_(among), ~exists().where(_s.execution_id == _e.id))
        statement = select(_e.id).where(wanted, *_has_ended(before)).limit(limit)
        return query(self._engine, "look for values", lambda connection: list(connection.execute(statement).scalars()))

    def named(self, execution_id: str) -> set[str]:
        return query(self._streaming, "look for names", lambda connection: _named(connection, execution_id))

    def stored(self, execution_id: str, before: int) -> dict[str, int]:
        statement = select(_p.id, _p.bytes).where(_p.execution_id == execution_id, _p.created_at < before)
        rows = query(self._engine, "list values", lambda connection: connection.execute(statement).all())
        return {row.id: row.bytes for row in rows}


def _has_ended(before: int) -> tuple[ColumnElement[bool], ...]:
    """The first caller of a family all of which ended before then, none of it so that it may be driven on."""
    living = or_(_member.c.status.not_in(OVER_FOR_GOOD), _member.c.ended_at >= before)
    return (
        _e.status.in_(OVER_FOR_GOOD), _e.ended_at < before, _e.root_id.is_(None), _e.workspace_id != DELETED,
        ~exists().where(_member.c.root_id == _e.id, living),
    )  # fmt: skip


def _named(connection: Connection, execution_id: str) -> set[str]:
    names, found = Names(execution_id), set[str]()
    family = select(_e.id).where(or_(_e.id == execution_id, _e.root_id == execution_id))
    for table in (executions, *_MAY_NAME):
        key = table.c.id if table is executions else table.c.execution_id
        statement = select(*_written(table)).where(key.in_(family)).execution_options(yield_per=_AT_ONCE)
        for row in connection.execute(statement):
            for column in row:
                found |= names.within(column)
    return found


def _written(table: Table) -> list[ColumnElement[bytes | str]]:
    """The columns that may name a value, as they are stored."""
    return [
        type_coerce(column, Text) if isinstance(column.type, JsonText) else column
        for column in table.c
        if isinstance(column.type, JsonText | LargeBinary)
    ]


def collect_values(tx: Transaction, writes: Sequence[CollectValues]) -> list[Result]:
    """Each under the lock of its execution, which nobody starts again meanwhile."""
    return [_collect(tx, write) for write in writes]


def _collect(tx: Transaction, write: CollectValues) -> Collected:
    ended = select(_e.workspace_id).where(_e.id == write.execution_id, *_has_ended(write.before))
    workspace_id = tx.connection.execute(ended.with_for_update(of=executions)).scalar_one_or_none()
    if workspace_id is None:
        return Collected()
    count = size = 0
    for ids in chunks(write.payload_ids):
        doomed = _p.id.in_(ids), _p.execution_id == write.execution_id, _p.created_at < write.before
        removed = tx.connection.execute(delete(payloads).where(*doomed).returning(_p.bytes)).scalars().all()
        count, size = count + len(removed), size + sum(removed)
    row = {"workspace_id": workspace_id, "execution_id": write.execution_id, "swept_before": write.before}
    tx.connection.execute(insert_or_update(tx.connection.dialect.name, value_sweeps), row)
    return Collected(payloads=count, bytes=size)
