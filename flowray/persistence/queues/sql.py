"""Queues in SQL: who may run now, counted and decided within the transaction that lets them (R43). See admission."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, exists, false, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.database.engine import is_postgresql
from flowray.persistence.database.tables import executions, inbox
from flowray.persistence.database.transaction import Transaction, insert_or_ignore
from flowray.persistence.queues.admission import (
    ALL,
    NOT_STARTED,
    Line,
    QueueLimits,
    Room,
    Waiting,
    admit,
    as_limits,
    is_timed,
    line_of,
    running_at_once,
    takes_slot,
    timed,
    waiting_in_line,
)
from flowray.persistence.queues.tables import HOLDS_SLOT, IN_LINE, RESTING, queues, was_served
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.records.inbox import CANCEL
from flowray.persistence.records.queues import QueueId
from flowray.persistence.writes import AnyResult, ClaimExecutions, Done
from flowray.persistence.writes.queues import ConfigureQueue

Limits = dict[QueueId, QueueLimits]

_LOCK = 0x666C6F77
"""Of PostgreSQL's advisory locks, the one of all who let executions of limited queues run: they do so one by one."""

_LIMITED = select(queues).where(
    or_(queues.c.max_concurrent.is_not(None), queues.c.max_per_key.is_not(None), queues.c.paused)
)
_LIMITED_OF = _LIMITED.where(queues.c.name.in_(bindparam("names", expanding=True)))
_LINE = (executions.c.workspace_id, executions.c.queue, executions.c.concurrency_key)


def _lines_with_turns() -> Select[Any]:
    """Of each line: the order of the first, and when its key was served last."""
    served = executions.alias("served")
    last = select(func.max(served.c.admitted_at)).where(
        served.c.workspace_id == executions.c.workspace_id,
        served.c.queue == executions.c.queue,
        served.c.concurrency_key == executions.c.concurrency_key,
        was_served(served.c),
    )
    return select(*_LINE, func.min(executions.c.queue_order), last.scalar_subquery()).where(IN_LINE)


_LINES = _lines_with_turns()


# -- limits -------------------------------------------------------------------------------------------------------


def limited_queues(connection: Connection, names: Iterable[str] | None = None) -> Limits:
    """Queues with limits: all, or those of these names and the one of everything. Most servers have none."""
    if names is None:
        return as_limits(connection.execute(_LIMITED))
    return as_limits(connection.execute(_LIMITED_OF, {"names": [*names, ALL.name]}))


def _in_any(limits: Limits) -> ColumnElement[bool] | None:
    """Executions that these limits may concern; None: all."""
    if ALL in limits:
        return None
    workspaces, names = {queue.workspace_id for queue in limits}, {queue.name for queue in limits}
    return and_(executions.c.workspace_id.in_(sorted(workspaces)), executions.c.queue.in_(sorted(names)))


def take_turns(connection: Connection) -> None:
    """Until the transaction ends nobody else lets executions of limited queues run. SQLite has one writer anyway."""
    if is_postgresql(connection):
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _room(tx: Transaction, limits: Limits) -> Room:
    """What is free. Nobody else lets anybody run until this transaction has ended."""
    take_turns(tx.connection)
    statement = select(*_LINE, func.count()).where(HOLDS_SLOT).group_by(*_LINE)
    return Room(limits, {Line(*row[:3]): row[3] for row in tx.connection.execute(_narrowed(statement, limits))})


def _with_room(room: Room, limits: Limits, *, starting: bool = True) -> list[ColumnElement[bool]]:
    """Of the executions that these limits concern, those in lines that are not known to be full."""
    columns = executions.c
    if ALL in limits:
        full = [queue for queue in limits if room.is_closed(queue, starting=starting)]
        if ALL in full:
            return [false()]
        conditions = [~and_(columns.workspace_id == queue.workspace_id, columns.queue == queue.name) for queue in full]
    else:
        concerned = _in_any(
            {queue: its for queue, its in limits.items() if not room.is_closed(queue, starting=starting)}
        )
        conditions = [] if concerned is None else [concerned]
    for line in room.full_keys():
        its_own = (columns.workspace_id == line.workspace_id, columns.queue == line.queue)
        conditions.append(~and_(*its_own, columns.concurrency_key == line.key))
    return conditions


def _narrowed(statement: Select[Any], limits: Limits) -> Select[Any]:
    concerned = _in_any(limits)
    return statement if concerned is None else statement.where(concerned)


def configure_queues(tx: Transaction, writes: Sequence[ConfigureQueue]) -> list[AnyResult]:
    """Each in turn: there are few."""
    for write in writes:
        row = {"workspace_id": write.workspace_id, "name": write.name, "updated_at": write.ts}
        tx.connection.execute(insert_or_ignore(tx.connection.dialect.name, queues), row)
        statement = update(queues).where(queues.c.workspace_id == write.workspace_id, queues.c.name == write.name)
        if write.declared:
            statement = statement.where(queues.c.overridden.is_(False))
        tx.connection.execute(statement.values(**write.values(), updated_at=write.ts))
    return [Done() for _ in writes]


# -- new executions -----------------------------------------------------------------------------------------------


def admit_new(tx: Transaction, records: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
    """The records as they are inserted: owned where they may run at once, else nobody's and in line."""
    placed = [timed(record, tx.now) if is_timed(record) else record for record in records]
    waiting = {record.id for record in placed if record.status == ExecutionStatus.DELAYED}
    asking = [record for record in placed if takes_slot(record) and record.owner_id and record.id not in waiting]
    limits = limited_queues(tx.connection, {record.queue for record in asking}) if asking else {}
    if limits:
        waiting |= _refused(tx, asking, limits)
    return [waiting_in_line(record) if record.id in waiting else running_at_once(record) for record in placed]


def _refused(tx: Transaction, asking: Sequence[ExecutionRecord], limits: Limits) -> set[str]:
    """Those without room, and those that would overtake somebody who has it."""
    room = _room(tx, limits)
    first: set[QueueId] = set()
    if any(room.has_room(line_of(record)) for record in asking):
        waiting = _lines(tx, *_with_room(room, limits))
        first = {found.line.queue_id for found in waiting if room.has_room(found.line)}
    refused = set()
    for record in asking:
        line = line_of(record)
        overtakes = line.queue_id in first or (ALL in limits and bool(first))
        if not room.is_limited(line.queue_id):
            continue
        if overtakes or not room.has_room(line):
            refused.add(record.id)
        else:
            room.take(line)
    return refused


# -- claims -------------------------------------------------------------------------------------------------------


def needs_no_slot(limits: Limits, now: ColumnElement[int]) -> ColumnElement[bool]:
    """What may be claimed whatever the limits: it has a slot, needs none, or is only to be ended."""
    columns = executions.c
    cancelled = exists().where(
        inbox.c.execution_id == columns.id, inbox.c.consumed_at.is_(None), inbox.c.kind == CANCEL
    )
    expired = and_(columns.status.in_(NOT_STARTED), columns.started_at.is_(None), columns.expires_at <= now)
    conditions = [columns.owner_id.is_not(None), columns.parent_id.is_not(None), expired, cancelled]
    concerned = _in_any(limits)
    return or_(*conditions) if concerned is None else or_(~concerned, *conditions)


def admissible(
    tx: Transaction,
    write: ClaimExecutions,
    limits: Limits,
    wanted: Select[Any],
    claimable: ColumnElement[bool],
    taken: Collection[str],
) -> list[Row[Any]]:
    """Rows of ``wanted`` that get a slot by this claim: first who has run before, then who is next in line.

    ``claimable``: there is something to do. ``taken`` are ids of what this claim takes without a slot. A claim
    of certain executions lets nobody overtake who waits in line.
    """
    room = _room(tx, limits)
    chosen = []
    resting = wanted.where(RESTING, claimable, *_with_room(room, limits, starting=False))
    for row in tx.connection.execute(_locked(resting, write.limit - len(taken))):
        line = Line(row.workspace_id, row.queue, row.concurrency_key)
        if row.id not in taken and room.has_room(line, starting=False):
            room.take(line)
            chosen.append(row)
    if write.ids is None:
        _end_delays(tx)
        chosen += _from_line(tx, room, limits, wanted, taken, write.limit - len(taken) - len(chosen))
    return chosen


def _from_line(
    tx: Transaction, room: Room, limits: Limits, wanted: Select[Any], taken: Collection[str], limit: int
) -> list[Row[Any]]:
    columns = executions.c
    alive = or_(columns.expires_at.is_(None), columns.expires_at > tx.now, columns.started_at.is_not(None))
    if taken:
        wanted = wanted.where(columns.id.not_in(taken))

    def members(line: Line, count: int) -> Sequence[Row[Any]]:
        its_own = and_(
            columns.workspace_id == line.workspace_id,
            columns.queue == line.queue,
            columns.concurrency_key == line.key,
        )
        return tx.connection.execute(_locked(wanted.where(IN_LINE, its_own, alive), count)).all()

    return admit(room, _lines(tx, *_with_room(room, limits)), limit, members)


def _locked(statement: Select[Any], limit: int) -> Select[Any]:
    """In order; rows that somebody else is changing are left to the next claim."""
    in_order = statement.order_by(executions.c.queue_order, executions.c.id).limit(limit)
    return in_order.with_for_update(key_share=True, skip_locked=True, of=executions)


def _lines(tx: Transaction, *concerned: ColumnElement[bool]) -> list[Waiting]:
    """Every line with somebody in it."""
    rows = tx.connection.execute(_LINES.where(*concerned).group_by(*_LINE))
    return [Waiting(Line(*row[:3]), row[3], row[4] or 0) for row in rows]


def _end_delays(tx: Transaction) -> None:
    """Those whose time has come wait in line from now on."""
    columns = executions.c
    due = and_(columns.status == ExecutionStatus.DELAYED.value, columns.owner_id.is_(None), columns.wake_at <= tx.now)
    queued = {"status": ExecutionStatus.QUEUED.value, "wake_at": columns.expires_at}
    tx.connection.execute(update(executions).where(due).values(queued))
