"""Shared waitpoints that a transaction looks at or changes: found, locked in the order of their ids, and kept at hand.

They are locked after the rows of executions, both by whoever answers one and by the commit of a wait that begins: so
one of the two sees the other, and no answer is lost between them (R25). Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Table, bindparam, or_, select

from flowray.engine.waitpoint_sources import hash_in, is_shared, name_in
from flowray.persistence.database.tables import waitpoints
from flowray.persistence.records import WaitpointRecord
from flowray.persistence.rows import from_row, to_row
from flowray.persistence.writes import AnyWrite, AppendEvents
from flowray.persistence.writes.waitpoints import (
    OPEN,
    CompleteWaitpoint,
    CreateWaitpoint,
    ExpireWaitpoints,
    named_id,
    on_demand,
    sources_of,
)

SHARED_ROWS = (
    select(waitpoints)
    .where(
        waitpoints.c.execution_id.is_(None),
        or_(
            waitpoints.c.id.in_(bindparam("ids", expanding=True)),
            waitpoints.c.token_hash.in_(bindparam("hashes", expanding=True)),
        ),
    )
    .order_by(waitpoints.c.id)
    .with_for_update()
)
_UNLOCKED = select(waitpoints).where(
    waitpoints.c.id.in_(bindparam("ids", expanding=True)), waitpoints.c.execution_id.is_(None)
)
_WAITING = (
    select(waitpoints)
    .where(waitpoints.c.source.in_(bindparam("sources", expanding=True)), waitpoints.c.status == OPEN)
    .order_by(waitpoints.c.id)
)


class SharedBook:
    """The shared waitpoints that a transaction has locked, as they stand in it."""

    def __init__(self) -> None:
        self._by_id: dict[str, WaitpointRecord] = {}
        self._by_hash: dict[str, str] = {}

    def put(self, record: WaitpointRecord) -> None:
        """As it stands now."""
        self._by_id[record.id] = record
        if record.token_hash:
            self._by_hash[record.token_hash] = record.id

    def get(self, its_id: str) -> WaitpointRecord | None:
        """By its id."""
        return self._by_id.get(its_id)

    def meant_by(self, source: str, workspace_id: str) -> WaitpointRecord | None:
        """The one that a source means."""
        name = name_in(source)
        its_id = self._by_hash.get(hash_in(source) or "") if name is None else named_id(workspace_id, name)
        found = self._by_id.get(its_id or "")
        return found if found is not None and found.workspace_id == workspace_id else None


# -- locking ------------------------------------------------------------------------------------------------------


def waiting_executions(connection: Connection, writes: Sequence[AnyWrite]) -> set[str]:
    """Executions that wait for what these writes close, as far as is known before anything is locked.

    One that begins to wait in between is found once the shared waitpoint is locked. A row is put into its inbox
    without its own lock then, which is safe: its owner looks into the inbox, and the dedupe key decides.
    """
    ids = [its_id for write in writes for its_id in _closes(write)]
    if not ids:
        return set()
    shared = [from_row(WaitpointRecord, row) for row in connection.execute(_UNLOCKED, {"ids": ids}).mappings()]
    return {str(waiting.execution_id) for waiting in waiting_for(connection, shared)}


def _closes(write: AnyWrite) -> tuple[str, ...]:
    if isinstance(write, CompleteWaitpoint):
        return (write.id,)
    return write.ids if isinstance(write, ExpireWaitpoints) else ()


def lock_shared(
    connection: Connection,
    writes: Sequence[AnyWrite],
    workspaces: Mapping[str, str],
    insert: Callable[[Table], Insert],
    now: Callable[[], int],
) -> SharedBook:
    """Lock what these writes name. A name that somebody waits for stands from then on, so that it can be locked.

    ``workspaces`` of the executions that exist; ``insert`` leaves out what is there.
    """
    book = SharedBook()
    ids = {its_id for write in writes for its_id in _closes(write)}
    ids.update(write.record.id for write in writes if isinstance(write, CreateWaitpoint))
    hashes: set[str] = set()
    wanted: dict[str, WaitpointRecord] = {}
    for write in writes:
        if not isinstance(write, AppendEvents) or write.execution_id not in workspaces:
            continue
        for source in (record.source for record in write.waitpoints if is_shared(record.source)):
            name = name_in(source or "")
            if name is None:
                hashes.add(hash_in(source or "") or "")
            else:
                record = on_demand(workspaces[write.execution_id], name, now())
                wanted[record.id] = record
    if wanted:
        connection.execute(insert(waitpoints), [shared_row(wanted[its_id]) for its_id in sorted(wanted)])
    if ids or hashes or wanted:
        parameters = {"ids": sorted(ids | set(wanted)), "hashes": sorted(hashes)}
        for row in connection.execute(SHARED_ROWS, parameters).mappings():
            book.put(from_row(WaitpointRecord, row))
    return book


def waiting_for(connection: Connection, shared: Iterable[WaitpointRecord]) -> list[WaitpointRecord]:
    """Who waits for these, in the order of ids."""
    workspaces = {source: record.workspace_id for record in shared for source in sources_of(record)}
    if not workspaces:
        return []
    found = [
        from_row(WaitpointRecord, row)
        for row in connection.execute(_WAITING, {"sources": sorted(workspaces)}).mappings()
    ]
    return [waiting for waiting in found if waiting.workspace_id == workspaces.get(waiting.source or "")]


def shared_row(record: WaitpointRecord) -> dict[str, Any]:
    """As it is kept: without a token its hash is NULL, which is not unique."""
    row = to_row(record)
    return {**row, "token": row["token"] or None, "token_hash": row["token_hash"] or None}
