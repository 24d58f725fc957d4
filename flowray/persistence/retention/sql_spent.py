"""What is spent, in SQL: the conditions, how many rows there are, and their removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from flowray.engine.waitpoint_sources import of_name, of_token_hash
from flowray.persistence.callbacks.records import PENDING
from flowray.persistence.callbacks.tables import callbacks
from flowray.persistence.database.tables import executions, is_active, metadata_changes, owners, waitpoints
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.limits.tables import limit_uses
from flowray.persistence.retention.sql_values import collect_values
from flowray.persistence.writes.base import Result
from flowray.persistence.writes.spent import CollectSpent, CollectValues, Spent
from flowray.persistence.writes.waitpoints import OPEN

_u = limit_uses.c
_w = waitpoints.c
_waiting = waitpoints.alias("waiting")


def spent(before: int, history_before: int | None, now: int | ColumnElement[int]) -> dict[Table, ColumnElement[bool]]:
    """What ``CollectSpent`` removes, table by table. ``now`` is the database's."""
    alive = exists().where(owners.c.id == _u.owner_id, owners.c.lease_until > now)
    wanted = exists().where(executions.c.id == _u.execution_id, is_active())
    found: dict[Table, ColumnElement[bool]] = {
        limit_uses: and_(_u.asked_at < before, or_(~alive, ~wanted)),
        metadata_changes: metadata_changes.c.changed_at < before,
        callbacks: false(),
        waitpoints: false(),
    }
    if history_before is not None:
        # A literal rather than a parameter: a partial index is used only if the query is seen to imply it.
        settled = callbacks.c.status != literal_column(f"'{PENDING}'")
        found[callbacks] = and_(settled, callbacks.c.next_at < history_before)
        found[waitpoints] = _forgotten_waitpoint(history_before)
    return found


def _forgotten_waitpoint(before: int) -> ColumnElement[bool]:
    answered = and_(_w.status != OPEN, _w.completed_at < before)
    on_demand = and_(_w.status == OPEN, _w.token.is_(None), _w.expires_at.is_(None), _w.created_at < before)
    sources = (of_name("") + _w.name, of_token_hash("") + _w.token_hash)
    waits = exists().where(
        _waiting.c.source.in_(sources), _waiting.c.status == OPEN, _waiting.c.workspace_id == _w.workspace_id
    )
    return and_(_w.execution_id.is_(None), or_(answered, on_demand), ~waits)


def count_spent(
    connection: Connection, before: int, history_before: int | None, now: ColumnElement[int]
) -> dict[str, int]:
    """How many rows are spent, by table."""
    counted = {}
    for table, condition in spent(before, history_before, now).items():
        statement = select(func.count()).select_from(table).where(condition)
        counted[table.name] = int(connection.execute(statement).scalar_one())
    return counted


def collect_spent(tx: Transaction, writes: Sequence[CollectSpent]) -> list[Result]:
    """Each by its own limit."""
    return [_collect(tx, write) for write in writes]


def _collect(tx: Transaction, write: CollectSpent) -> Spent:
    removed = {
        table.name: _remove(tx, table, condition, write.limit)
        for table, condition in spent(write.before, write.history_before, tx.now).items()
    }
    return Spent(**removed, more=write.limit in removed.values())


def _remove(tx: Transaction, table: Table, condition: ColumnElement[bool], limit: int) -> int:
    """Locked first, and what somebody else has locked is left alone; then looked at once more: by then it is certain
    that nobody has begun to wait for a waitpoint, since that locks it as well."""
    keys = list(table.primary_key)
    some = select(*keys).where(condition).limit(limit).with_for_update(skip_locked=True, of=table)
    locked = [tuple(row) for row in tx.connection.execute(some)]
    if not locked:
        return 0
    return tx.connection.execute(delete(table).where(tuple_(*keys).in_(locked), condition)).rowcount


APPLY: dict[type[Any], Any] = {CollectSpent: collect_spent, CollectValues: collect_values}
"""Write of ``writes.spent`` → what applies it."""
