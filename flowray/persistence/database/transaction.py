"""One writing transaction: its connection, its clock, and where the executions that it touches stand.

The rows of all executions that a group names are locked at its start, in the order of their ids, so that two groups on
PostgreSQL cannot deadlock; from then on the compare-and-set is decided in memory and only confirmed by the UPDATE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Insert, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from flowray.persistence.database.engine import clock_ms
from flowray.persistence.database.prepared import Prepared
from flowray.persistence.database.tables import JsonText, executions
from flowray.persistence.database.waitpoint_locks import lock_shared, waiting_executions
from flowray.persistence.records.executions import is_shared
from flowray.persistence.writes import AnyWrite, AppendEvents, InsertExecution, InsertInbox
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.metadata import ChangeMetadata
from flowray.persistence.writes.shared_children import JoinChild

T = TypeVar("T")

CHUNK = 500
"""Parameters of one IN list; SQLite allows 32,766 in a statement."""


class _Locked(NamedTuple):
    """What is read of each row; ``callback`` as JSON text."""

    id: str
    workspace_id: str
    status: str
    epoch: int
    last_seq: int
    callback: str | None
    parent_id: str | None
    parent_key: str | None


_LOCKED = _Locked._fields
_SELECT = select(*(executions.c[name] for name in _LOCKED)).order_by(executions.c.id).with_for_update(key_share=True)
_LOCK_MANY = _SELECT.where(executions.c.id.in_(bindparam("ids", expanding=True)))
_LOCK_ONE = Prepared(_SELECT.where(executions.c.id == bindparam("its_id")))
_callback = JsonText().process_result_value

# SQLite has nothing to lock: one writes at a time. All rows come as one, since Python's sqlite3 lets go of the
# interpreter for every row that it fetches, and has to wait for it each time (see blocks.py).
_READ_MANY = (
    f"SELECT json_group_array(json_array({', '.join(_LOCKED)})) FROM {executions.name} "
    "WHERE id IN (SELECT value FROM json_each(?))"
)


class Standing(msgspec.Struct):
    """What an execution's row says at this point of the transaction."""

    workspace_id: str
    status: str
    epoch: int
    last_seq: int
    callback: dict[str, Any] | None = None
    is_shared: bool = False


class Transaction:
    """Handed to the functions that apply writes; ends with the transaction."""

    def __init__(self, connection: Connection, writes: Sequence[AnyWrite]) -> None:
        self.connection = connection
        self.standings: dict[str, Standing] = {}
        self.consumed: set[str] = set()
        named = {its_id for write in writes for its_id in _names(write)} | waiting_executions(connection, writes)
        if len(named) == 1:
            for row in _LOCK_ONE.execute(connection, [{"its_id": its_id} for its_id in named]):
                self._found(row, _callback(row.callback, connection.dialect))
        elif named and connection.dialect.name == "sqlite":
            found = connection.exec_driver_sql(_READ_MANY, (msgspec.json.encode(list(named)).decode(),)).scalar_one()
            for locked in (_Locked(*values) for values in msgspec.json.decode(found)):
                self._found(locked, _callback(locked.callback, connection.dialect))
        else:
            for ids in chunks(sorted(named)):
                for row in connection.execute(_LOCK_MANY, {"ids": ids}):
                    self._found(row, row.callback)
        workspaces = {its_id: standing.workspace_id for its_id, standing in self.standings.items()}
        self.shared = lock_shared(connection, writes, workspaces, self.insert, lambda: self.now)

    def _found(self, row: Any, callback: dict[str, Any] | None) -> None:
        self.standings[row.id] = Standing(
            row.workspace_id, row.status, row.epoch, row.last_seq, callback, is_shared(row)
        )

    @cached_property
    def now(self) -> int:
        """The database's clock, read once: ms since the epoch."""
        return int(self.connection.execute(select(clock_ms(self.connection))).scalar_one())

    def insert(self, table: Table) -> Insert:
        """INSERT … ON CONFLICT DO NOTHING in this database's words."""
        return insert_or_ignore(self.connection.dialect.name, table)


def _names(write: AnyWrite) -> tuple[str, ...]:
    """The executions whose rows a write looks at or changes."""
    if isinstance(write, AppendEvents):
        return (write.execution_id, *(row.execution_id for row in write.outbox))
    if isinstance(write, InsertExecution):
        return () if write.parent_epoch is None else (str(write.record.parent_id),)
    if isinstance(write, JoinChild):
        return (write.child_id, write.parent_id)
    if isinstance(write, ChangeMetadata):
        return (write.execution_id,)
    if isinstance(write, ImportExecution):
        return (write.record.id,)
    return (write.record.execution_id,) if isinstance(write, InsertInbox) else ()


@lru_cache
def insert_or_ignore(dialect: str, table: Table) -> Insert:
    """INSERT … ON CONFLICT DO NOTHING."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


@lru_cache
def insert_or_update(dialect: str, table: Table, keep: tuple[str, ...] = ()) -> Insert:
    """INSERT … ON CONFLICT (primary key) DO UPDATE of all other columns but ``keep``."""
    statement: Any = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    updated = {column.name: statement.excluded[column.name] for column in table.c}
    updated = {name: value for name, value in updated.items() if name not in keys and name not in keep}
    result: Insert = statement.on_conflict_do_update(index_elements=keys, set_=updated)
    return result


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Lists of at most ``CHUNK`` values."""
    listed = list(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]
