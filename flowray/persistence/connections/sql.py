"""Connections in SQL: a row is locked, changed by the common rules, and written back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, delete, select

from flowray.persistence.connections.changes import changed
from flowray.persistence.connections.records import ConnectionRecord
from flowray.persistence.connections.tables import connections
from flowray.persistence.database.engine import query, reading
from flowray.persistence.database.transaction import Transaction, insert_or_update
from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.rows import from_row, to_row
from flowray.persistence.writes import AnyResult
from flowray.persistence.writes.connections import (
    AnyConnectionWrite,
    ClaimRenewal,
    DeleteConnection,
    SaveConnection,
    SaveTokens,
)

_c = connections.c
_HERE = (_c.workspace_id == bindparam("workspace"), _c.name == bindparam("its_name"))
_ONE = select(connections).where(*_HERE)
_LOCKED = _ONE.with_for_update()
_ALL = select(connections).where(_c.workspace_id == bindparam("workspace")).order_by(_c.name)
_DELETE = delete(connections).where(*_HERE)


def apply_connection_writes(tx: Transaction, writes: Sequence[AnyConnectionWrite]) -> list[AnyResult]:
    """One after the other: there are few."""
    return [_apply(tx, write) for write in writes]


def _apply(tx: Transaction, write: AnyConnectionWrite) -> AnyResult:
    place = {"workspace": write.workspace_id, "its_name": write.name}
    row = tx.connection.execute(_LOCKED, place).mappings().one_or_none()
    found = None if row is None else from_row(ConnectionRecord, row)
    record, result = changed(found, write, tx.now)
    if found is None:
        if record is not None and not tx.connection.execute(tx.insert(connections), to_row(record)).rowcount:
            return _apply(tx, write)  # Somebody else has made it in this moment: a row that is not there has no lock.
    elif record is None:
        tx.connection.execute(_DELETE, place)
    elif record != found:
        tx.connection.execute(insert_or_update(tx.connection.dialect.name, connections), to_row(record))
    return result


APPLY: dict[Any, Callable[[Transaction, Sequence[Any]], list[AnyResult]]] = dict.fromkeys(
    (SaveConnection, DeleteConnection, ClaimRenewal, SaveTokens), apply_connection_writes
)


class SqlConnections:
    """A ConnectionReader on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def all(self, workspace_id: str = DEFAULT_WORKSPACE) -> list[ConnectionRecord]:
        """Of a workspace, by name."""
        return query(
            self._engine,
            "list connections",
            lambda connection: [
                from_row(ConnectionRecord, row)
                for row in connection.execute(_ALL, {"workspace": workspace_id}).mappings()
            ],
        )

    def get(self, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> ConnectionRecord | None:
        """One of them."""
        place = {"workspace": workspace_id, "its_name": name}
        return query(
            self._engine,
            "read a connection",
            lambda connection: next(
                (from_row(ConnectionRecord, row) for row in connection.execute(_ONE, place).mappings()), None
            ),
        )
