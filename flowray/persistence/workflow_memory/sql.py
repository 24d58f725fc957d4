"""The memory that executions of a workflow share, in SQL: operations in the commit of their events, and what is read.

Whoever changes entries locks the row of their memory first, so that concurrent commits on PostgreSQL change them one
after the other and none is lost; memories are locked in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, bindparam, delete, func, select, update

from flowray.engine.shared_memory import SharedEntry, changed
from flowray.engine.signals import VariableOperation
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.database.engine import query, reading
from flowray.persistence.database.transaction import Transaction, chunks, insert_or_update
from flowray.persistence.records import DEFAULT_WORKSPACE, MemoryRecord, MemorySize, Page
from flowray.persistence.rows import from_row
from flowray.persistence.workflow_memory.tables import workflow_memories, workflow_memory_entries
from flowray.persistence.writes import AnyResult, AppendEvents, ClearMemory, Done

_m, _e = workflow_memories.c, workflow_memory_entries.c

Place = tuple[str, str]
"""Workspace and workflow."""

_THE_MEMORY = (_m.workspace_id == bindparam("its_workspace"), _m.workflow_id == bindparam("its_workflow"))
_ITS_ENTRIES = (_e.workspace_id == bindparam("its_workspace"), _e.workflow_id == bindparam("its_workflow"))
_LOCK = select(_m.entries).where(*_THE_MEMORY).with_for_update()
_PRESENT = select(_e.key, _e.value, _e.bytes).where(*_ITS_ENTRIES, _e.key.in_(bindparam("keys", expanding=True)))
_DROP = delete(workflow_memory_entries).where(*_ITS_ENTRIES, _e.key == bindparam("its_key"))
_DROP_ALL = delete(workflow_memory_entries).where(*_ITS_ENTRIES)
_TOTALS = select(func.count(), func.coalesce(func.sum(_e.bytes), 0)).where(*_ITS_ENTRIES)
_COUNTED = update(workflow_memories).where(*_THE_MEMORY).values(
    entries=bindparam("new_entries"), bytes=bindparam("new_bytes"), updated_at=bindparam("ts")
)  # fmt: skip
_GROW = update(workflow_memories).where(*_THE_MEMORY).values(
    entries=_m.entries + bindparam("more_entries"),
    bytes=_m.bytes + bindparam("more_bytes"),
    updated_at=bindparam("ts"),
)  # fmt: skip


def apply_memory(tx: Transaction, writes: Sequence[AppendEvents]) -> None:
    """What accepted appends do to the memories of their workflows, in their order (R17)."""
    places: dict[Place, list[AppendEvents]] = {}
    for write in writes:
        if write.memory is not None:
            place = (tx.standings[write.execution_id].workspace_id, write.memory.workflow_id)
            places.setdefault(place, []).append(write)
    for place in sorted(places):
        _lock(tx, place, places[place][-1].ts)
        _apply(tx, place, places[place])


def _lock(tx: Transaction, place: Place, ts: int) -> None:
    empty = {"workspace_id": place[0], "workflow_id": place[1], "entries": 0, "bytes": 0, "updated_at": ts}
    tx.connection.execute(tx.insert(workflow_memories), empty)
    tx.connection.execute(_LOCK, _named(place)).all()


def _named(place: Place) -> dict[str, str]:
    return {"its_workspace": place[0], "its_workflow": place[1]}


def _apply(tx: Transaction, place: Place, writes: Sequence[AppendEvents]) -> None:
    before: dict[str, SharedEntry] = {}
    for keys in chunks(sorted({change.name for write in writes for change in _operations(write)})):
        for row in tx.connection.execute(_PRESENT, {**_named(place), "keys": keys}):
            before[row.key] = SharedEntry(row.value, row.bytes)
    after = dict(before)
    touched: dict[str, AppendEvents] = {}
    for write in writes:
        for change in _operations(write):
            after = changed(after, change)
            touched[change.name] = write
    kept = [_row(place, key, after[key], write) for key, write in touched.items() if key in after]
    if kept:
        tx.connection.execute(insert_or_update(tx.connection.dialect.name, workflow_memory_entries), kept)
    dropped = [{**_named(place), "its_key": key} for key in before if key not in after]
    if dropped:
        tx.connection.execute(_DROP, dropped)
    grown = sum(entry.bytes for entry in after.values()) - sum(entry.bytes for entry in before.values())
    figures = {"more_entries": len(after) - len(before), "more_bytes": grown, "ts": writes[-1].ts}
    tx.connection.execute(_GROW, {**_named(place), **figures})


def _operations(write: AppendEvents) -> tuple[VariableOperation, ...]:
    return write.memory.operations if write.memory is not None else ()


def _row(place: Place, key: str, entry: SharedEntry, write: AppendEvents) -> dict[str, object]:
    return {
        "workspace_id": place[0],
        "workflow_id": place[1],
        "key": key,
        "value": entry.value,
        "bytes": entry.bytes,
        "updated_at": write.ts,
        "updated_by": write.execution_id,
    }


def clear_memory(tx: Transaction, writes: Sequence[ClearMemory]) -> list[AnyResult]:
    """Remove an entry, or all of a memory."""
    for write in writes:
        clear_entries(tx, (write.workspace_id, write.workflow_id), write.key, write.ts)
    return [Done() for _ in writes]


def clear_entries(tx: Transaction, place: Place, key: str | None, ts: int) -> None:
    """Remove the entry ``key`` of a memory, or all of them, and count again what is left."""
    _lock(tx, place, ts)
    if key is None:
        tx.connection.execute(_DROP_ALL, _named(place))
    else:
        tx.connection.execute(_DROP, {**_named(place), "its_key": key})
    count, total = tx.connection.execute(_TOTALS, _named(place)).one()
    tx.connection.execute(_COUNTED, {**_named(place), "new_entries": count, "new_bytes": int(total), "ts": ts})


class SqlWorkflowMemory:
    """A WorkflowMemoryReader over the tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def size(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> MemorySize:
        statement = select(_m.entries, _m.bytes).where(_m.workspace_id == workspace_id, _m.workflow_id == workflow_id)
        row = query(self._engine, "read a memory", lambda connection: connection.execute(statement).one_or_none())
        return MemorySize() if row is None else MemorySize(entries=row.entries, bytes=row.bytes)

    def entry(self, workflow_id: str, key: str, workspace_id: str = DEFAULT_WORKSPACE) -> MemoryRecord | None:
        statement = select(workflow_memory_entries).where(
            _e.workspace_id == workspace_id, _e.workflow_id == workflow_id, _e.key == key
        )
        row = query(
            self._engine, "read a memory", lambda connection: connection.execute(statement).mappings().one_or_none()
        )
        return None if row is None else from_row(MemoryRecord, row)

    def entries(
        self,
        workflow_id: str,
        *,
        prefix: str = "",
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        listing = f"memory {workflow_id}"
        statement = select(workflow_memory_entries).where(
            _e.workspace_id == workspace_id, _e.workflow_id == workflow_id
        )
        if prefix:
            statement = statement.where(func.substr(_e.key, 1, len(prefix)) == prefix)
        if (after := decode_cursor(listing, cursor)) is not None:
            statement = statement.where(_e.key > after[1])
        statement = statement.order_by(_e.key).limit(limit + 1)
        rows = query(self._engine, "list a memory", lambda connection: connection.execute(statement).mappings().all())
        return cut_page(listing, [from_row(MemoryRecord, row) for row in rows], limit, lambda row: (0, row.key))
