"""Callbacks in SQL: rows that commits of executions leave behind, and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    and_,
    bindparam,
    desc,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from flowray.errors import ErrorCode
from flowray.persistence.callbacks.records import DELIVERED, PENDING, CallbackRecord
from flowray.persistence.callbacks.tables import callbacks
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.database.engine import clock_ms, query, reading
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.records import DEFAULT_WORKSPACE, Page
from flowray.persistence.rows import from_row, to_row
from flowray.persistence.writes import AnyResult, Done, Fenced, Refused
from flowray.persistence.writes.callbacks import (
    ClaimCallbacks,
    ClaimedCallback,
    ClaimedCallbacks,
    RedeliverCallback,
    SettleCallback,
)

_c = callbacks.c

_CLAIM = (
    update(callbacks)
    .where(_c.id == bindparam("its_id"))
    .values(attempts=_c.attempts + 1, leased_until=bindparam("until"), claim_id=bindparam("claim"))
)


def insert_callbacks(tx: Transaction, records: Sequence[CallbackRecord]) -> None:
    """Rows of accepted commits, in their transaction. Repeats are left out."""
    if records:
        now = {"created_at": tx.now, "next_at": tx.now}
        rows = [{**to_row(row), **now, "workspace_id": tx.standings[row.execution_id].workspace_id} for row in records]
        tx.connection.execute(tx.insert(callbacks), rows)


def claim_callbacks(tx: Transaction, writes: Sequence[ClaimCallbacks]) -> list[AnyResult]:
    """Each claim in turn."""
    return [_claim(tx, write) for write in writes]


def _claim(tx: Transaction, write: ClaimCallbacks) -> AnyResult:
    mine = select(callbacks).where(_c.claim_id == write.claim_id, _c.leased_until > tx.now).order_by(_c.next_at, _c.id)
    repeated = tx.connection.execute(mine).all()
    if repeated:
        return ClaimedCallbacks(
            claims=tuple(ClaimedCallback(row.id, row.execution_id, row.attempts) for row in repeated)
        )
    found = tx.connection.execute(_claimable(tx.now, write.limit)).all()
    if found:
        until = tx.now + write.lease_ms
        tx.connection.execute(_CLAIM, [{"its_id": row.id, "until": until, "claim": write.claim_id} for row in found])
    return ClaimedCallbacks(claims=tuple(ClaimedCallback(row.id, row.execution_id, row.attempts + 1) for row in found))


def _claimable(now: int, limit: int) -> Select[tuple[str, str, int]]:
    # SKIP LOCKED: two claimers share the work instead of waiting for each other.
    return (
        select(_c.id, _c.execution_id, _c.attempts)
        .where(_is_due(now))
        .order_by(_c.next_at, _c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


def _is_due(now: int | ColumnElement[int]) -> ColumnElement[bool]:
    # A literal rather than a parameter: a partial index is used only if the query is seen to imply it.
    pending = _c.status == literal_column(f"'{PENDING}'")
    return and_(pending, _c.next_at <= now, or_(_c.leased_until.is_(None), _c.leased_until <= now))


def settle_callbacks(tx: Transaction, writes: Sequence[SettleCallback]) -> list[AnyResult]:
    """Only by the claim that still holds."""
    results: list[AnyResult] = []
    for write in writes:
        settled = tx.connection.execute(
            update(callbacks)
            .where(_c.id == write.id, _c.claim_id == write.claim_id)
            .values(
                status=write.status,
                next_at=tx.now + write.retry_ms,
                leased_until=None,
                last_status=write.http_status,
                last_error=write.error,
                delivered_at=tx.now if write.status == DELIVERED else None,
            )
        ).rowcount
        results.append(Done() if settled else Fenced())
    return results


def redeliver_callbacks(tx: Transaction, writes: Sequence[RedeliverCallback]) -> list[AnyResult]:
    """From the beginning; a delivery that is under way no longer counts."""
    results: list[AnyResult] = []
    for write in writes:
        found = tx.connection.execute(
            update(callbacks)
            .where(_c.id == write.id, _c.workspace_id == write.workspace_id)
            .values(status=PENDING, attempts=0, next_at=tx.now, leased_until=None, claim_id=None, delivered_at=None)
        ).rowcount
        refusal = Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no callback {write.id!r}")
        results.append(Done() if found else refusal)
    return results


class SqlCallbacks:
    """A CallbackReader over the table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def due(self) -> int:
        """How many ClaimCallbacks would find now."""
        statement = select(func.count()).select_from(callbacks).where(_is_due(clock_ms(self._engine)))
        return query(
            self._engine, "count the callbacks", lambda connection: int(connection.execute(statement).scalar_one())
        )

    def callback(self, callback_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> CallbackRecord | None:
        """One."""
        statement = select(callbacks).where(_c.id == callback_id, _c.workspace_id == workspace_id)
        found = self._all(statement)
        return found[0] if found else None

    def callbacks(
        self,
        *,
        status: str | None = None,
        execution_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """Newest first. Raises FlowrayError INVALID_CURSOR."""
        statement = select(callbacks).where(_c.workspace_id == workspace_id)
        if status is not None:
            statement = statement.where(_c.status == status)
        if execution_id is not None:
            statement = statement.where(_c.execution_id == execution_id)
        if (key := decode_cursor("callbacks", cursor)) is not None:
            statement = statement.where(tuple_(_c.created_at, _c.id) < tuple_(*key))
        found = self._all(statement.order_by(desc(_c.created_at), desc(_c.id)).limit(limit + 1))
        return cut_page("callbacks", found, limit, lambda row: (row.created_at, row.id))

    def _all(self, statement: Select[tuple[object]]) -> list[CallbackRecord]:
        return query(
            self._engine,
            "read the callbacks",
            lambda connection: [from_row(CallbackRecord, row) for row in connection.execute(statement).mappings()],
        )
