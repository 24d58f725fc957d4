"""Writes of owners and claims in SQL: leases of processes (R27), and who drives which execution (R25, R28, R43)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, exists, func, literal, not_, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.database.engine import clock_ms, is_postgresql
from flowray.persistence.database.tables import executions, inbox, is_active, owners
from flowray.persistence.database.transaction import Transaction, insert_or_update
from flowray.persistence.queues.admission import NOT_STARTED, has_expired
from flowray.persistence.queues.sql import admissible, limited_queues, needs_no_slot, take_turns
from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.records.inbox import CANCEL
from flowray.persistence.writes import (
    SUSPECT_AFTER,
    AnyResult,
    Claim,
    Claimed,
    ClaimExecutions,
    Done,
    Fenced,
    Leased,
    RegisterOwner,
    ReleaseOwner,
    RenewLease,
)

RELEASED = 0
"""``lease_until`` of an owner that stopped in order: taking over from it is a hand-over, not a recovery (R28)."""

_RENEW = (
    update(owners)
    .where(owners.c.id == bindparam("its_id"), owners.c.lease_until > bindparam("now"))
    .values(lease_until=bindparam("until"))
)


# -- leases -------------------------------------------------------------------------------------------------------


def register_owners(tx: Transaction, writes: Sequence[RegisterOwner]) -> list[AnyResult]:
    """Insert or renew each, and end the leases of those it supersedes."""
    return [_register(tx, write) for write in writes]


def _register(tx: Transaction, write: RegisterOwner) -> AnyResult:
    if write.supersedes:
        tx.connection.execute(
            update(owners)
            .where(
                owners.c.id != write.id,
                owners.c.actor_name == write.actor_name,
                owners.c.host == write.host,
                owners.c.pid.in_([int(pid) for pid in write.supersedes]),
                owners.c.lease_until > tx.now,
            )
            .values(lease_until=tx.now)
        )
    lease_until = tx.now + write.lease_ms
    row = {
        "workspace_id": DEFAULT_WORKSPACE,
        "id": write.id,
        "kind": write.kind,
        "generation": write.generation,
        "lease_until": lease_until,
        "actor_name": write.actor_name,
        "actor_id": write.actor_id,
        "host": write.host,
        "pid": write.pid,
        "log_location": write.log_location,
        "registered_at": tx.now,
    }
    tx.connection.execute(insert_or_update(tx.connection.dialect.name, owners), row)
    return Leased(lease_until=lease_until, now=tx.now)


def renew_leases(tx: Transaction, writes: Sequence[RenewLease]) -> list[AnyResult]:
    """Extend those that have not ended."""
    results: list[AnyResult] = []
    for write in writes:
        until = tx.now + write.lease_ms
        renewed = tx.connection.execute(_RENEW, {"its_id": write.id, "now": tx.now, "until": until}).rowcount
        results.append(Leased(lease_until=until, now=tx.now) if renewed else Fenced())
    return results


def release_owners(tx: Transaction, writes: Sequence[ReleaseOwner]) -> list[AnyResult]:
    """End leases in order."""
    ids = sorted(write.id for write in writes)
    tx.connection.execute(update(owners).where(owners.c.id.in_(ids)).values(lease_until=RELEASED))
    return [Done() for _ in writes]


# -- claims -------------------------------------------------------------------------------------------------------


def is_claimable(now: ColumnElement[int]) -> ColumnElement[bool]:
    """Nobody drives the execution, and something is to be done.

    ``running`` without an owner was handed over in the middle of its work.
    """
    # Before its time a delayed one can only be ended.
    folds_now = or_(executions.c.status != ExecutionStatus.DELAYED.value, inbox.c.kind == CANCEL)
    waiting = exists().where(inbox.c.execution_id == executions.c.id, inbox.c.consumed_at.is_(None), folds_now)
    alive = exists().where(owners.c.id == executions.c.owner_id, owners.c.lease_until > now)
    ready = executions.c.status.in_([ExecutionStatus.QUEUED.value, ExecutionStatus.RUNNING.value])
    return and_(
        is_active(),
        or_(
            and_(executions.c.owner_id.is_(None), or_(ready, waiting, executions.c.wake_at <= now)),
            and_(executions.c.owner_id.is_not(None), not_(alive)),
        ),
    )


def is_suspect() -> ColumnElement[bool]:
    """Too many owners in a row have died with it (R28)."""
    return executions.c.failed_recoveries >= SUSPECT_AFTER


def count_claimable(connection: Connection, suspects: bool = False) -> int:
    """How many executions claims would find now; or only those that are taken over apart."""
    statement = select(func.count(executions.c.id)).where(is_claimable(clock_ms(connection)))
    if suspects:
        statement = statement.where(is_suspect())
    return int(connection.execute(statement).scalar_one())


def claim_executions(tx: Transaction, writes: Sequence[ClaimExecutions]) -> list[AnyResult]:
    """Each claim in turn."""
    return [_claim(tx, write) for write in writes]


def _claim(tx: Transaction, write: ClaimExecutions) -> AnyResult:
    alive = select(owners.c.id).where(owners.c.id == write.owner_id, owners.c.lease_until > tx.now)
    if tx.connection.execute(alive).first() is None:
        return Claimed()
    repeated = tx.connection.execute(_claimed_before(write)).all()
    if repeated:
        claimed = (
            Claim(row.id, row.epoch, row.last_seq, row.claim_recovery, row.failed_recoveries, _expired(row, tx.now))
            for row in repeated
        )
        return Claimed(claims=tuple(claimed))
    claims = []
    changed = []
    for row in _chosen(tx, write):
        died = row.owner_id is not None and row.lease_until != RELEASED
        recovery = died and row.status not in NOT_STARTED
        failures = row.failed_recoveries + died
        claims.append(Claim(row.id, row.epoch + 1, row.last_seq, recovery, failures, _expired(row, tx.now)))
        changed.append(
            {
                "its_id": row.id,
                "new_epoch": row.epoch + 1,
                "new_owner": write.owner_id,
                "new_recoveries": row.recoveries + recovery,
                "new_failures": failures,
                "new_claim": write.claim_id,
                "new_claim_recovery": recovery,
                "new_admitted_at": tx.now if row.owner_id is None else row.admitted_at,
            }
        )
        if row.id in tx.standings:
            tx.standings[row.id].epoch = row.epoch + 1
    if changed:
        tx.connection.execute(_CLAIM, changed)
    return Claimed(claims=tuple(claims))


_CLAIM = (
    update(executions)
    .where(executions.c.id == bindparam("its_id"))
    .values(
        epoch=bindparam("new_epoch"),
        owner_id=bindparam("new_owner"),
        recoveries=bindparam("new_recoveries"),
        failed_recoveries=bindparam("new_failures"),
        claim_id=bindparam("new_claim"),
        claim_recovery=bindparam("new_claim_recovery"),
        admitted_at=bindparam("new_admitted_at"),
    )
)


def _chosen(tx: Transaction, write: ClaimExecutions) -> list[Row[Any]]:
    """The rows that this claim takes."""
    limits = limited_queues(tx.connection)
    if not limits:
        return list(tx.connection.execute(candidates(write, tx.now)))
    if is_postgresql(tx.connection):
        take_turns(tx.connection)
    now = literal(tx.now)
    rows: list[Row[Any]] = []
    if not write.admit_only:
        rows = list(tx.connection.execute(candidates(write, tx.now).where(needs_no_slot(limits, now))))
    return rows + admissible(tx, write, limits, _wanted(write), is_claimable(now), {row.id for row in rows})


def _expired(row: Row[Any], now: int) -> bool:
    return has_expired(row, now)


def _claimed_before(write: ClaimExecutions) -> Select[Any]:
    return (
        select(
            executions.c.id,
            executions.c.epoch,
            executions.c.last_seq,
            executions.c.claim_recovery,
            executions.c.failed_recoveries,
            executions.c.status,
            executions.c.expires_at,
            executions.c.started_at,
        )
        .where(is_active(), executions.c.owner_id == write.owner_id, executions.c.claim_id == write.claim_id)
        .order_by(executions.c.created_at, executions.c.id)
    )


def candidates(write: ClaimExecutions, now: int) -> Select[Any]:
    """What this claim would take, by the clock ``now``, if there were no limits."""
    # SKIP LOCKED: two claimers share the work instead of waiting for each other; what is locked the next sweep finds.
    columns = executions.c
    return (
        _wanted(write)
        .where(is_claimable(literal(now)))
        .order_by(columns.created_at, columns.id)
        .limit(write.limit)
        .with_for_update(key_share=True, skip_locked=True, of=executions)
    )


def _wanted(write: ClaimExecutions) -> Select[Any]:
    """The columns that a claim reads, of those that it is restricted to."""
    lease = select(owners.c.lease_until).where(owners.c.id == executions.c.owner_id).scalar_subquery()
    columns = executions.c
    statement = (
        select(
            columns.id,
            columns.epoch,
            columns.last_seq,
            columns.status,
            columns.owner_id,
            columns.recoveries,
            columns.failed_recoveries,
            columns.workspace_id,
            columns.queue,
            columns.concurrency_key,
            columns.queue_order,
            columns.expires_at,
            columns.started_at,
            columns.admitted_at,
            lease.label("lease_until"),
        )
    ).where(is_suspect() if write.suspects else not_(is_suspect()))
    return statement if write.ids is None else statement.where(columns.id.in_(write.ids))
