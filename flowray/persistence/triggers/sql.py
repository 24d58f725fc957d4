"""Writes of triggers and firings in SQL. A trigger's row is locked before anything about it is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, tuple_, update

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode
from flowray.persistence.database.tables import executions, is_active, workflows
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.records.triggers import QUEUED, SKIPPED, STARTING, FiringRecord, TriggerRecord
from flowray.persistence.rows import from_row, to_row
from flowray.persistence.triggers.firing_rules import (
    TRIGGER_GONE_REASON,
    decide,
    may_tick,
    registered,
    replaced,
    skipped,
    starting,
)
from flowray.persistence.triggers.tables import IS_QUEUED, trigger_firings, triggers
from flowray.persistence.writes import AnyResult, AnyWrite, Done, Fenced, Inserted, Refused
from flowray.persistence.writes.triggers import (
    DeleteTrigger,
    Fired,
    FireTrigger,
    PromoteFiring,
    Pruned,
    PruneFirings,
    RegisterTriggers,
    SaveTrigger,
    SettleFiring,
)

W = TypeVar("W")

_t = triggers.c
_f = trigger_firings.c


def _each(apply: Callable[[Transaction, W], AnyResult]) -> Callable[[Transaction, Sequence[W]], list[AnyResult]]:
    """One after the other: none of these writes is frequent enough for bulk."""
    return lambda tx, writes: [apply(tx, write) for write in writes]


# -- triggers -----------------------------------------------------------------------------------------------------


def _save(tx: Transaction, write: SaveTrigger) -> AnyResult:
    record = write.record
    current = _locked(tx, record.id, record.workspace_id)
    if write.expected_revision is None:
        if current is None and not _workflow_hash(tx, record.workspace_id, record.workflow_id):
            return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no workflow {record.workflow_id!r}")
        if current is None:
            tx.connection.execute(insert(triggers), to_row(record))
        return Inserted(id=record.id)
    if current is None:
        return unknown_trigger(record.id)
    changed = replaced(current, write)
    if changed is None:
        return Refused(code=ErrorCode.CONFLICT, detail=f"the trigger {record.id!r} has been changed meanwhile")
    if changed is not current:
        _replace(tx, changed)
    return Done()


def _register(tx: Transaction, write: RegisterTriggers) -> AnyResult:
    if _workflow_hash(tx, write.workspace_id, write.workflow_id) != write.hash:
        return Done()  # not saved, or saved again since: that save registers its own
    mine = (
        select(triggers)
        .where(_t.workspace_id == write.workspace_id, _t.workflow_id == write.workflow_id, _t.node_id.is_not(None))
        .order_by(_t.id)
        .with_for_update()
    )
    known = {row["node_id"]: from_row(TriggerRecord, row) for row in tx.connection.execute(mine).mappings()}
    for given in write.triggers:
        current = known.pop(given.node_id, None)
        record = registered(current, given, write.ts)
        if current is None:
            tx.connection.execute(tx.insert(triggers), to_row(record))
        elif record is not current:
            _replace(tx, record)
    for gone in known.values():
        tx.connection.execute(delete(triggers).where(_t.id == gone.id))
    return Done()


def _delete(tx: Transaction, write: DeleteTrigger) -> AnyResult:
    gone = delete(triggers).where(_t.id == write.id, _t.workspace_id == write.workspace_id)
    return Done() if tx.connection.execute(gone).rowcount else unknown_trigger(write.id)


def _workflow_hash(tx: Transaction, workspace_id: str, workflow_id: str) -> str | None:
    statement = select(workflows.c.hash).where(workflows.c.workspace_id == workspace_id, workflows.c.id == workflow_id)
    # Shared: a deletion waits, and then finds the trigger too.
    return tx.connection.execute(statement.with_for_update(read=True)).scalar_one_or_none()


def _locked(tx: Transaction, trigger_id: str, workspace_id: str | None = None) -> TriggerRecord | None:
    statement = select(triggers).where(_t.id == trigger_id)
    if workspace_id is not None:
        statement = statement.where(_t.workspace_id == workspace_id)
    row = tx.connection.execute(statement.with_for_update()).mappings().one_or_none()
    return None if row is None else from_row(TriggerRecord, row)


def _replace(tx: Transaction, record: TriggerRecord) -> None:
    tx.connection.execute(update(triggers).where(_t.id == record.id).values(to_row(record)))


def unknown_trigger(trigger_id: str) -> Refused:
    """Nothing has this id."""
    return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no trigger {trigger_id!r}")


# -- firings ------------------------------------------------------------------------------------------------------


def _fire(tx: Transaction, write: FireTrigger) -> AnyResult:
    trigger = _locked(tx, write.trigger_id, write.workspace_id)
    if trigger is None:
        return unknown_trigger(write.trigger_id)
    known = _known(tx, write)
    new = [firing for firing in write.firings if firing.fire_key not in known]
    if write.expected_at is not None and not may_tick(trigger, write, tx.now):
        # All known: a repeat of what an unacknowledged commit wrote.
        return _fired(write, known, ()) if write.firings and not new else Fenced()
    if write.expected_at is None and new and not trigger.enabled and not write.test:
        return Refused(code=ErrorCode.CONFLICT, detail=f"the trigger {trigger.id!r} is disabled")
    watches = write.overlap != "allow"
    active = _active(tx, trigger.id) if watches else 0
    queued = _queued_count(tx, trigger.id) if watches else 0
    rows = decide(trigger, write, new, active, queued, tx.now)
    if rows:
        tx.connection.execute(insert(trigger_firings), [to_row(row) for row in rows])
    changes: dict[str, Any] = {"last_fired_at": tx.now} if any(row.status != SKIPPED for row in rows) else {}
    if write.expected_at is not None:
        changes["next_fire_at"] = write.next_at
    if changes:
        tx.connection.execute(update(triggers).where(_t.id == trigger.id).values(changes))
    return _fired(write, known, rows)


def _known(tx: Transaction, write: FireTrigger) -> dict[str, FiringRecord]:
    keys = [firing.fire_key for firing in write.firings]
    statement = select(trigger_firings).where(_f.trigger_id == write.trigger_id, _f.fire_key.in_(keys))
    found = tx.connection.execute(statement).mappings() if keys else ()
    return {row["fire_key"]: from_row(FiringRecord, row) for row in found}


def _fired(write: FireTrigger, known: dict[str, FiringRecord], rows: Sequence[FiringRecord]) -> Fired:
    standing = {**known, **{row.fire_key: row for row in rows}}
    return Fired(firings=tuple(standing[firing.fire_key] for firing in write.firings), known=tuple(known))


def _active(tx: Transaction, trigger_id: str) -> int:
    """How many executions of the trigger have not ended. Those that have are not looked at again."""
    joined = trigger_firings.outerjoin(executions, executions.c.id == _f.execution_id)
    statement = (
        select(_f.fire_key, _f.status, executions.c.status.label("execution_status"))
        .select_from(joined)
        .where(_f.trigger_id == trigger_id, _f.holds.is_(True))
    )
    active, ended = 0, []
    for row in tx.connection.execute(statement):
        if row.status == STARTING or row.execution_status not in {None, *TERMINAL_EXECUTION}:
            active += 1
        else:
            ended.append((trigger_id, row.fire_key))
    if ended:
        released = update(trigger_firings).where(tuple_(_f.trigger_id, _f.fire_key).in_(ended)).values(holds=False)
        tx.connection.execute(released)
    return active


def _queued_count(tx: Transaction, trigger_id: str) -> int:
    statement = select(func.count()).select_from(trigger_firings).where(_f.trigger_id == trigger_id, IS_QUEUED)
    return int(tx.connection.execute(statement).scalar_one())


def _promote(tx: Transaction, write: PromoteFiring) -> AnyResult:
    trigger = _locked(tx, write.trigger_id)
    waiting = (
        select(trigger_firings)
        .where(_f.trigger_id == write.trigger_id, IS_QUEUED)
        .order_by(_f.scheduled_at, _f.fired_at, _f.fire_key)
    )
    rows = [from_row(FiringRecord, row) for row in tx.connection.execute(waiting).mappings()]
    if trigger is None or not trigger.enabled:
        changed = [skipped(row, TRIGGER_GONE_REASON) for row in rows]
    elif rows and not _active(tx, write.trigger_id):
        changed = [starting(msgspec.structs.replace(rows[0], holds=True), tx.now)]
    else:
        changed = []
    for row in changed:
        its_own = (_f.trigger_id == row.trigger_id) & (_f.fire_key == row.fire_key) & (_f.status == QUEUED)
        tx.connection.execute(update(trigger_firings).where(its_own).values(to_row(row)))
    return Fired(firings=tuple(changed))


def _settle(tx: Transaction, write: SettleFiring) -> AnyResult:
    its_own = (_f.trigger_id == write.trigger_id) & (_f.fire_key == write.fire_key) & (_f.status == STARTING)
    values = {"status": write.status, "reason": write.reason, "payload": None, "retry_at": None}
    tx.connection.execute(update(trigger_firings).where(its_own).values(values))
    return Done()


def _prune(tx: Transaction, write: PruneFirings) -> AnyResult:
    old = select(_f.trigger_id, _f.fire_key).where(_is_settled(write.before)).order_by(_f.fired_at).limit(write.limit)
    gone = delete(trigger_firings).where(tuple_(_f.trigger_id, _f.fire_key).in_(old))
    return Pruned(count=tx.connection.execute(gone).rowcount)


def _is_settled(before: int) -> ColumnElement[bool]:
    """Whose execution has ended, too: without it nothing else would, once its trigger fires no more or is gone."""
    active = exists().where(executions.c.id == _f.execution_id, is_active())
    return and_(_f.fired_at < before, _f.status.not_in([QUEUED, STARTING]), or_(_f.holds.is_not(True), ~active))


def count_settled(connection: Connection, before: int | None) -> int:
    """How many firings ``PruneFirings`` would remove."""
    if before is None:
        return 0
    statement = select(func.count()).select_from(trigger_firings).where(_is_settled(before))
    return int(connection.execute(statement).scalar_one())


APPLY: dict[type[AnyWrite], Callable[[Transaction, Sequence[Any]], list[AnyResult]]] = {
    SaveTrigger: _each(_save),
    RegisterTriggers: _each(_register),
    DeleteTrigger: _each(_delete),
    FireTrigger: _each(_fire),
    PromoteFiring: _each(_promote),
    SettleFiring: _each(_settle),
    PruneFirings: _each(_prune),
}
