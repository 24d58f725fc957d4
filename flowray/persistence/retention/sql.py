"""Writes that forget what has ended, in SQL: hide, purge in pieces, collect what nothing refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, or_, select, tuple_, update

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.persistence.database.tables import events, executions, is_active, node_logs, owners, payloads, plans
from flowray.persistence.database.transaction import Transaction, chunks
from flowray.persistence.shared_children.tables import child_calls
from flowray.persistence.triggers.tables import trigger_firings
from flowray.persistence.writes.base import Result
from flowray.persistence.writes.retention import (
    DELETED,
    Collected,
    CollectOrphans,
    Deleted,
    DeleteExecutions,
    Purged,
    PurgeExecutions,
)

PURGED_AT_ONCE = 100
"""Executions whose content one purge removes; large ones take several purges."""

_e = executions.c
_f = trigger_firings.c
_other = executions.alias("other")

_CONTENT: tuple[Table, ...] = (events, node_logs, payloads)
"""What may be many rows. The rest goes with the execution's own row."""


# -- hiding -------------------------------------------------------------------------------------------------------


def delete_executions(tx: Transaction, writes: Sequence[DeleteExecutions]) -> list[Result]:
    """Decide family by family, under the locks of all its rows."""
    return [_delete(tx, write) for write in writes]


def _delete(tx: Transaction, write: DeleteExecutions) -> Deleted:
    families: dict[str, list[Any]] = {its_id: [] for its_id in write.ids}
    for ids in chunks(sorted(families)):
        rows = select(_e.id, _e.root_id, _e.status, _e.workspace_id).where(or_(_e.id.in_(ids), _e.root_id.in_(ids)))
        for row in tx.connection.execute(rows.order_by(_e.id).with_for_update()):
            for its_id in {row.id, row.root_id} & families.keys():
                families[its_id].append(row)
    ids = sorted(families)
    kept = _rerun_now(tx, ids) | _with_caller(tx, families) | _fired_now(tx, ids) | _awaited(tx, ids)
    gone = [its_id for its_id, rows in families.items() if _is_gone(its_id, rows)]
    doomed = [
        its_id for its_id, rows in families.items() if its_id not in kept and _may_go(its_id, rows, write.workspace_id)
    ]
    members = [row.id for its_id in doomed for row in families[its_id]]
    for ids in chunks(members):
        tx.connection.execute(
            update(executions).where(_e.id.in_(ids)).values(workspace_id=DELETED, idempotency_key=None, owner_id=None)
        )
    return Deleted(ids=tuple(sorted((*gone, *doomed))), descendants=len(members) - len(doomed))


def _is_gone(its_id: str, rows: Sequence[Any]) -> bool:
    return any(row.id == its_id and row.workspace_id == DELETED for row in rows)


def _may_go(its_id: str, rows: Sequence[Any], workspace_id: str | None) -> bool:
    root = next((row for row in rows if row.id == its_id), None)
    if root is None or root.workspace_id == DELETED:
        return False
    if workspace_id is not None and root.workspace_id != workspace_id:
        return False
    return all(row.status in TERMINAL_EXECUTION for row in rows)


def _with_caller(tx: Transaction, families: Mapping[str, Sequence[Any]]) -> set[str]:
    """Those whose first caller is there; an imported one may have left it behind."""
    callers = {row.root_id for its_id, rows in families.items() for row in rows if row.id == its_id and row.root_id}
    present: set[str] = set()
    for ids in chunks(sorted(callers)):
        present.update(tx.connection.execute(select(_e.id).where(_e.id.in_(ids))).scalars())
    return {its_id for its_id, rows in families.items() for row in rows if row.id == its_id and row.root_id in present}


def _rerun_now(tx: Transaction, ids: Sequence[str]) -> set[str]:
    """Those of which a rerun has not ended."""
    found: set[str] = set()
    for some in chunks(ids):
        found.update(tx.connection.execute(select(_e.rerun_of).where(_e.rerun_of.in_(some), is_active())).scalars())
    return found


def _fired_now(tx: Transaction, ids: Sequence[str]) -> set[str]:
    """Those of a firing that is not settled: whoever takes it up finds by its execution that it was started."""
    found: set[str] = set()
    for some in chunks(ids):
        unsettled = select(_f.execution_id).where(_f.retry_at.is_not(None), _f.execution_id.in_(some))
        found.update(tx.connection.execute(unsettled).scalars())
    return found


def _awaited(tx: Transaction, ids: Sequence[str]) -> set[str]:
    """Shared children of which a caller has not ended: it reads what they have left."""
    found: set[str] = set()
    calls = child_calls.join(executions, _e.id == child_calls.c.parent_id)
    for some in chunks(ids):
        awaited = select(child_calls.c.child_id).select_from(calls).where(child_calls.c.child_id.in_(some), is_active())
        found.update(tx.connection.execute(awaited).scalars())
    return found


# -- purging ------------------------------------------------------------------------------------------------------


def purge_executions(tx: Transaction, writes: Sequence[PurgeExecutions]) -> list[Result]:
    """Each by its own limit."""
    return [_purge(tx, write.limit) for write in writes]


def _purge(tx: Transaction, limit: int) -> Purged:
    hidden = select(_e.id).where(_e.workspace_id == DELETED).order_by(_e.created_at, _e.id).limit(PURGED_AT_ONCE)
    ids = list(tx.connection.execute(hidden).scalars())
    left = limit
    for table in _CONTENT:
        if ids and left > 0:
            left -= _delete_some(tx, table, table.c.execution_id.in_(ids), left)
    executions_gone = 0
    if ids and left > 0:
        executions_gone = tx.connection.execute(delete(executions).where(_e.id.in_(ids[:left]))).rowcount
    more = bool(tx.connection.execute(select(exists().where(_e.workspace_id == DELETED))).scalar_one())
    return Purged(rows=limit - left + executions_gone, executions=executions_gone, more=more)


def _delete_some(tx: Transaction, table: Table, condition: ColumnElement[bool], limit: int) -> int:
    """Up to ``limit`` rows; returns how many."""
    keys = list(table.primary_key)
    some = select(*keys).where(condition).limit(limit)
    return tx.connection.execute(delete(table).where(tuple_(*keys).in_(some))).rowcount


# -- collecting ---------------------------------------------------------------------------------------------------


def collect_orphans(tx: Transaction, writes: Sequence[CollectOrphans]) -> list[Result]:
    """Each by its own limits."""
    return [_collect(tx, write) for write in writes]


def _collect(tx: Transaction, write: CollectOrphans) -> Collected:
    some = select(payloads.c.id, payloads.c.bytes).where(orphan_payload(write.before)).limit(write.limit)
    found = tx.connection.execute(some).all()
    for ids in chunks(row.id for row in found):
        tx.connection.execute(delete(payloads).where(payloads.c.id.in_(ids)))
    plans_gone = _delete_some(tx, plans, orphan_plan(write.before), write.limit)
    owners_gone = _delete_some(tx, owners, dangling_owner(write.before), write.limit)
    return Collected(
        payloads=len(found),
        bytes=sum(row.bytes for row in found),
        plans=plans_gone,
        owners=owners_gone,
        more=write.limit in (len(found), plans_gone, owners_gone),
    )


def orphan_payload(before: int) -> ColumnElement[bool]:
    """A payload of the database whose execution is not there, nor anything that it has called. All that an execution
    refers to is kept under its id or that of the first caller of its family, which an imported one has left behind."""
    owner = exists().where(_other.c.id == payloads.c.execution_id)
    member = exists().where(_other.c.root_id == payloads.c.execution_id)
    return (payloads.c.created_at < before) & ~owner & ~member


def orphan_plan(before: int) -> ColumnElement[bool]:
    """A plan that no execution runs or has run."""
    return (plans.c.created_at < before) & ~exists().where(_other.c.plan_hash == plans.c.hash)


def dangling_owner(before: int) -> ColumnElement[bool]:
    """An owner whose lease has ended long ago and that owns nothing."""
    owns = exists().where(_other.c.owner_id == owners.c.id)
    return (owners.c.lease_until < before) & (owners.c.registered_at < before) & ~owns


APPLY: dict[type[Any], Any] = {
    DeleteExecutions: delete_executions,
    PurgeExecutions: purge_executions,
    CollectOrphans: collect_orphans,
}
"""Write → what applies it."""
