"""Reads that look after a SQL database: what is due, what executions take, what is stuck, what is left behind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.persistence.database.engine import clock_ms, query, reading
from flowray.persistence.database.tables import (
    JsonText,
    events,
    executions,
    inbox,
    is_active,
    node_logs,
    owners,
    payloads,
    plans,
    snapshots,
    waitpoints,
)
from flowray.persistence.database.transaction import chunks
from flowray.persistence.retention.sql import dangling_owner, orphan_payload, orphan_plan
from flowray.persistence.retention.sql_spent import count_spent
from flowray.persistence.retention.sql_values import SqlValues
from flowray.persistence.retention.upkeep import Leftovers, RetentionTimes, StorageFigures, UnquietRecord, ValueReader
from flowray.persistence.rows import from_row
from flowray.persistence.shared_children.tables import child_calls
from flowray.persistence.triggers.sql import count_settled
from flowray.persistence.triggers.tables import trigger_firings
from flowray.persistence.writes.retention import DELETED

_e = executions.c
_member = executions.alias("member")
_rerun = executions.alias("rerun")
_caller = executions.alias("caller")

_AT_WORK = ("running", "waiting")
"""Statuses of attempts that move an execution."""

_ENDED: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in sorted(TERMINAL_EXECUTION)]
_IN_LINE = [ExecutionStatus.QUEUED.value, ExecutionStatus.DELAYED.value, ExecutionStatus.RUNNING.value]


class SqlUpkeep:
    """An UpkeepReader over the tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)
        self.values: ValueReader = SqlValues(engine)

    def past_retention(self, times: RetentionTimes, limit: int) -> list[str]:
        due: list[ColumnElement[bool]] = [_e.retain_until <= times.now]
        completed = _e.status == ExecutionStatus.COMPLETED.value
        for before, status in ((times.completed_before, completed), (times.failed_before, not_(completed))):
            if before is not None:
                due.append(and_(_e.retain_until.is_(None), _e.ended_at < before, status))
        found: dict[str, int] = {}
        for condition in due:  # one by one: each has an index of its own
            statement = select(_e.id, _e.ended_at).where(condition, *_may_go()).order_by(_e.ended_at, _e.id)
            found.update((row.id, row.ended_at or 0) for row in self._rows("what is due", statement.limit(limit)))
        return sorted(found, key=lambda its_id: (found[its_id], its_id))[:limit]

    def present(self, execution_ids: Collection[str]) -> set[str]:
        found: set[str] = set()
        for ids in chunks(sorted(execution_ids)):
            found.update(row.id for row in self._rows("executions", select(_e.id).where(_e.id.in_(ids))))
            called = select(_e.root_id.label("id")).where(_e.root_id.in_(ids)).distinct()
            found.update(row.id for row in self._rows("what they have called", called))
        return found

    def storage(self, execution_id: str) -> StorageFigures:
        return query(self._engine, "measure an execution", lambda connection: _storage(connection, execution_id))

    def unquiet(self, before: int, limit: int = 100) -> list[UnquietRecord]:
        statement = select(_e.id, _e.status, _e.workspace_id, _e.owner_id, _e.updated_at)
        statement = statement.where(is_unquiet(clock_ms(self._engine)), _e.updated_at < before)
        statement = statement.order_by(_e.updated_at, _e.id).limit(limit)
        return [from_row(UnquietRecord, row._mapping) for row in self._rows("what is stuck", statement)]

    def _rows(self, what: str, statement: Select[Any]) -> Sequence[Row[Any]]:
        return query(self._engine, f"look for {what}", lambda connection: connection.execute(statement).all())

    def leftovers(self, before: int, history_before: int | None = None) -> Leftovers:
        return query(
            self._engine, "count what is left behind", lambda connection: _leftovers(connection, before, history_before)
        )


def _may_go() -> tuple[ColumnElement[bool], ...]:
    """The first caller of a family that has ended as a whole, of which no rerun runs, and that no firing may start
    again. What deletes it looks again, under its locks (``retention.sql``)."""
    living = exists().where(_member.c.root_id == _e.id, _member.c.status.not_in(_ENDED))
    rerun = exists().where(_rerun.c.rerun_of == _e.id, _rerun.c.status.not_in(_ENDED))
    caller = exists().where(_caller.c.id == _e.root_id)
    fired = exists().where(trigger_firings.c.retry_at.is_not(None), trigger_firings.c.execution_id == _e.id)
    awaited = exists().where(
        child_calls.c.child_id == _e.id, child_calls.c.parent_id == _caller.c.id, _caller.c.status.not_in(_ENDED)
    )
    return (~is_active(), _e.workspace_id != DELETED, ~caller, ~living, ~rerun, ~fired, ~awaited)


def is_unquiet(now: ColumnElement[int]) -> ColumnElement[bool]:
    """Law L7: not ended, and neither an attempt at work, nor a timer, an open waitpoint, an inbox row, a place in a
    queue, a requested pause or the end of its owner's lease will move it. One query over the tables.
    """
    attempt = exists().where(node_logs.c.execution_id == _e.id, node_logs.c.status.in_(_AT_WORK))
    answer = exists().where(waitpoints.c.execution_id == _e.id, waitpoints.c.status == "open")
    request = exists().where(inbox.c.execution_id == _e.id, inbox.c.consumed_at.is_(None))
    child = exists().where(_member.c.parent_id == _e.id, _member.c.status.not_in(_ENDED))
    alive = exists().where(owners.c.id == _e.owner_id, owners.c.lease_until > now)
    by_itself = or_(_e.pause.is_not(None), answer, request)
    driven = or_(by_itself, attempt, child, _e.wake_at.is_not(None))
    left_alone = or_(by_itself, _e.status.in_(_IN_LINE), _e.wake_at.is_not(None))
    return and_(is_active(), or_(and_(_e.owner_id.is_(None), ~left_alone), and_(alive, ~driven)))


# -- figures ------------------------------------------------------------------------------------------------------


def _storage(connection: Connection, execution_id: str) -> StorageFigures:
    return StorageFigures(
        record=_bytes(connection, executions, _e.id == execution_id),
        events=_bytes(connection, events, events.c.execution_id == execution_id),
        logs=_bytes(connection, node_logs, node_logs.c.execution_id == execution_id),
        snapshots=_bytes(connection, snapshots, snapshots.c.execution_id == execution_id),
        inbox=_bytes(connection, inbox, inbox.c.execution_id == execution_id),
        payloads=_sum(connection, select(func.sum(payloads.c.bytes)).where(payloads.c.execution_id == execution_id)),
    )


def _bytes(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    """Bytes of the texts and blobs in some rows of a table, and eight for each number."""
    sizes: ColumnElement[Any] = func.coalesce(func.sum(_row_bytes(connection, table)), 0)
    return _sum(connection, select(sizes).where(condition))


def _row_bytes(connection: Connection, table: Table) -> ColumnElement[Any]:
    total: ColumnElement[Any] = literal_column("0")
    for column in table.c:
        # As it is stored, whatever it is decoded to.
        name: ColumnElement[Any] = literal_column(f"{table.name}.{column.name}")
        is_long = isinstance(column.type, LargeBinary | Text | JsonText)
        total = total + (func.coalesce(_octets(connection, name), 0) if is_long else literal_column("8"))
    return total


def _octets(connection: Connection, value: ColumnElement[Any]) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return func.octet_length(value)
    return func.length(cast(value, LargeBinary))  # of a text in SQLite, length counts characters


def _sum(connection: Connection, statement: Select[Any]) -> int:
    return int(connection.execute(statement).scalar_one() or 0)


def _leftovers(connection: Connection, before: int, history_before: int | None) -> Leftovers:
    blobs = connection.execute(
        select(func.count(payloads.c.id), func.coalesce(func.sum(payloads.c.bytes), 0)).where(orphan_payload(before))
    ).one()
    return Leftovers(
        payloads=blobs[0],
        payload_bytes=int(blobs[1]),
        plans=_sum(connection, select(func.count(plans.c.hash)).where(orphan_plan(before))),
        owners=_sum(connection, select(func.count(owners.c.id)).where(dangling_owner(before))),
        deleted=_sum(connection, select(func.count(_e.id)).where(_e.workspace_id == DELETED)),
        firings=count_settled(connection, history_before),
        **count_spent(connection, before, history_before, clock_ms(connection)),
    )
