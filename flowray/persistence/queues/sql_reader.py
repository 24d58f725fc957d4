"""What is read of queues in SQL: limits, counts, and when something has to be looked at next. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Engine, and_, func, select, union
from sqlalchemy.sql.elements import ColumnElement

from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.database.engine import query, reading
from flowray.persistence.database.tables import executions, is_active
from flowray.persistence.queues.admission import ALL, QueueLimits
from flowray.persistence.queues.sql import limited_queues
from flowray.persistence.queues.tables import HOLDS_SLOT, IN_LINE, queues
from flowray.persistence.records import DEFAULT_WORKSPACE, Page, QueueRecord
from flowray.persistence.records.queues import QueueId
from flowray.persistence.rows import from_row

LISTING = "queues"
KINDS = ("running", "waiting", "delayed")


class SqlQueues:
    """A QueueReader over the tables. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def limited(self) -> dict[QueueId, QueueLimits]:
        return query(self._engine, "read the limits of queues", limited_queues)

    def next_wake(self) -> int | None:
        return query(self._engine, "read when something is due", _next_wake)

    def get(self, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> QueueRecord | None:
        def read(connection: Connection) -> list[QueueRecord]:
            known = _known(workspace_id).subquery()
            names = select(known.c.name).where(known.c.name == name)
            return _read(connection, workspace_id, list(connection.execute(names).scalars()))

        return next(iter(query(self._engine, "read a queue", read)), None)

    def page(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        key = decode_cursor(LISTING, cursor)
        after = "" if key is None else str(key[1])

        def read(connection: Connection) -> list[QueueRecord]:
            known = _known(workspace_id).subquery()
            names = select(known.c.name).where(known.c.name > after).order_by(known.c.name).limit(limit + 1)
            return _read(connection, workspace_id, list(connection.execute(names).scalars()))

        return cut_page(LISTING, query(self._engine, "read the queues", read), limit, lambda record: (0, record.name))


def _known(workspace_id: str) -> CompoundSelect[Any]:
    """Names of queues that were given limits, and of those with executions that have not ended."""
    in_use = and_(executions.c.workspace_id == workspace_id, executions.c.queue != "", executions.c.parent_id.is_(None))
    return union(
        select(queues.c.name).where(queues.c.workspace_id == workspace_id),
        select(executions.c.queue).where(is_active(), in_use),
    )


def _read(connection: Connection, workspace_id: str, names: Sequence[str]) -> list[QueueRecord]:
    """These queues, each with its counts."""
    mine = executions.c.workspace_id == workspace_id
    found = select(queues).where(queues.c.workspace_id == workspace_id, queues.c.name.in_(names))
    rows = {row["name"]: dict(row) for row in connection.execute(found).mappings()}
    counts = _counts(connection, [mine] if ALL.name in names else [mine, executions.c.queue.in_(names)])
    if ALL.name in names:
        counts[ALL.name] = {kind: sum(its.get(kind, 0) for its in counts.values()) for kind in KINDS}
    return [
        from_row(QueueRecord, {"workspace_id": workspace_id, "name": name, **rows.get(name, {}), **counts[name]})
        for name in names
    ]


def _counts(connection: Connection, concerned: Sequence[ColumnElement[bool]]) -> dict[str, dict[str, int]]:
    """How many of each kind, by queue."""
    columns = executions.c
    delayed = and_(columns.status == ExecutionStatus.DELAYED.value, columns.owner_id.is_(None))
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for kind, condition in zip(KINDS, (HOLDS_SLOT, IN_LINE, delayed), strict=True):
        statement = select(columns.queue, func.count()).where(condition, *concerned).group_by(columns.queue)
        for queue, count in connection.execute(statement):
            counts[queue][kind] = count
    return counts


def _next_wake(connection: Connection) -> int | None:
    statement = select(func.min(executions.c.wake_at)).where(
        executions.c.wake_at.is_not(None), executions.c.owner_id.is_(None), is_active()
    )
    found = connection.execute(statement).scalar_one()
    return None if found is None else int(found)
