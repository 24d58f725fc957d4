"""Waitpoints in SQL: opened and closed in the commits of their executions (R30), found by id or by token."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, bindparam, exists, select, update

from flowray.persistence.database.tables import executions, waitpoints
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.rows import to_row
from flowray.persistence.writes import AppendEvents

OPEN = "open"

_CLOSE = (
    update(waitpoints)
    .where(waitpoints.c.id == bindparam("its_id"), waitpoints.c.status == OPEN)
    .values(
        status=bindparam("new_status"),
        completed_at=bindparam("ts"),
        completed_by=bindparam("new_by"),
        data=bindparam("new_data", type_=waitpoints.c.data.type),
    )
)

_CLOSE_ALL = (
    update(waitpoints)
    .where(waitpoints.c.execution_id == bindparam("its_execution"), waitpoints.c.status == OPEN)
    .values(status="cancelled", completed_at=bindparam("ts"))
)

_REOPEN = (
    update(waitpoints)
    .where(
        waitpoints.c.execution_id == bindparam("its_execution"),
        waitpoints.c.status == "cancelled",
        waitpoints.c.completed_at == bindparam("crashed_at"),
    )
    .values(status=OPEN, completed_at=None)
)


def record_waitpoints(tx: Transaction, writes: Sequence[AppendEvents]) -> None:
    """What accepted appends open and close. A waitpoint that is there already keeps its token."""
    opened = [
        {**to_row(record), "workspace_id": tx.standings[write.execution_id].workspace_id}
        for write in writes
        for record in write.waitpoints
    ]
    if opened:
        tx.connection.execute(tx.insert(waitpoints), opened)
    closed = [
        {"its_id": end.id, "new_status": end.status, "ts": write.ts, "new_by": end.by, "new_data": end.data}
        for write in writes
        for end in write.closed_waitpoints
    ]
    if closed:
        tx.connection.execute(_CLOSE, closed)
    ended = [{"its_execution": write.execution_id, "ts": write.ts} for write in writes if write.close_waitpoints]
    if ended:
        tx.connection.execute(_CLOSE_ALL, ended)
    reopened = [
        {"its_execution": write.execution_id, "crashed_at": write.reopened_waitpoints}
        for write in writes
        if write.reopened_waitpoints is not None
    ]
    if reopened:
        tx.connection.execute(_REOPEN, reopened)


def of_workflow(workflow_id: str) -> ColumnElement[bool]:
    """The waitpoint's execution is one of this workflow."""
    return exists().where(executions.c.id == waitpoints.c.execution_id, executions.c.workflow_id == workflow_id)


def due_waitpoints(now: ColumnElement[int]) -> Select[tuple[str]]:
    """Ids of shared waitpoints whose time is up; their executions see to the others."""
    return select(waitpoints.c.id).where(
        waitpoints.c.status == OPEN, waitpoints.c.expires_at <= now, waitpoints.c.execution_id.is_(None)
    )
