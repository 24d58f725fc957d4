"""Named limits in SQL: their rows are locked, all of them in one order, while uses are granted and ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, delete, exists, func, insert, not_, select, update
from sqlalchemy.sql.elements import ColumnElement

from flowray.errors import ErrorCode
from flowray.persistence.database.engine import clock_ms, query, reading
from flowray.persistence.database.tables import owners
from flowray.persistence.database.transaction import Transaction, chunks, insert_or_update
from flowray.persistence.limits.sharing import (
    WINDOW,
    Balance,
    LimitRecord,
    LimitStatus,
    LimitUse,
    Waiting,
    changed,
    placed,
    share_out,
    taken_over,
)
from flowray.persistence.limits.tables import limit_uses, limits
from flowray.persistence.rows import from_row, to_row
from flowray.persistence.writes import AnyResult, Done, Existing, Fenced, Inserted, Refused
from flowray.persistence.writes.limits import DeleteLimit, LimitAsk, LimitEnd, SaveLimit, Shared, ShareLimits

_u = limit_uses.c

_LOCKED = select(limits).order_by(limits.c.workspace_id, limits.c.name).with_for_update()
_GRANTED = select(func.count()).where(_u.limit_name == bindparam("name"), _u.granted_at.is_not(None))
_ALIVE = select(owners.c.id).where(
    owners.c.id.in_(bindparam("ids", expanding=True)), owners.c.lease_until > bindparam("now")
)
_SWEEP = delete(limit_uses).where(
    not_(exists().where(owners.c.id == _u.owner_id, owners.c.lease_until > bindparam("now")))
)
_BY_IDS = select(limit_uses).where(_u.id.in_(bindparam("ids", expanding=True)))
_END = delete(limit_uses).where(_u.id.in_(bindparam("ids", expanding=True)))
_GRANT = (
    update(limit_uses).where(_u.id == bindparam("its_id"), _u.granted_at.is_(None)).values(granted_at=bindparam("at"))
)
_PLACES = (
    select(_u.execution_id, _u.limit_name, func.max(_u.place))
    .where(_u.execution_id.in_(bindparam("ids", expanding=True)))
    .group_by(_u.execution_id, _u.limit_name)
)
_HEAD = (
    select(_u.id)
    .where(_u.limit_name == bindparam("name"), _u.granted_at.is_(None))
    .order_by(_u.place, _u.asked_at, _u.id)
    .limit(WINDOW)
)
_other = limit_uses.alias("other")
_HELD = (
    select(_u.id)
    .where(_u.owner_id == bindparam("owner_id"), _u.granted_at.is_not(None))
    .where(not_(exists().where(_other.c.id == _u.id, _other.c.granted_at.is_(None))))
    .distinct()
)


# -- definitions --------------------------------------------------------------------------------------------------


def save_limits(tx: Transaction, writes: Sequence[SaveLimit]) -> list[AnyResult]:
    """One after the other: there are few."""
    results: list[AnyResult] = []
    known = _records(tx)
    for write in writes:
        found = known.get(write.name)
        if found is not None and write.only_new:
            results.append(Existing(id=write.name))
            continue
        record = changed(found, write.name, write.rpm, write.tpm, write.concurrency, tx.now)
        tx.connection.execute(insert_or_update(tx.connection.dialect.name, limits), to_row(record))
        known[write.name] = record
        results.append(Done() if found is not None else Inserted(id=write.name))
    return results


def delete_limits(tx: Transaction, writes: Sequence[DeleteLimit]) -> list[AnyResult]:
    """Uses of it count as granted from now on: they may still wait for another one."""
    results: list[AnyResult] = []
    for write in writes:
        gone = tx.connection.execute(delete(limits).where(limits.c.name == write.name)).rowcount
        tx.connection.execute(
            update(limit_uses).where(_u.limit_name == write.name, _u.granted_at.is_(None)).values(granted_at=tx.now)
        )
        refusal = Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no limit {write.name!r}")
        results.append(Done() if gone else refusal)
    return results


# -- sharing ------------------------------------------------------------------------------------------------------


def share_limits(tx: Transaction, writes: Sequence[ShareLimits]) -> list[AnyResult]:
    """Everything that is given back first, then what is asked for, then what is free is granted, whoever waits."""
    balances = _balances(tx, sweep=any(write.sweep for write in writes))
    alive = _alive(tx, {write.owner_id for write in writes})
    served = [write for write in writes if write.owner_id in alive]
    _end(tx, balances, [end for write in served for end in write.ends])
    for pause in (pause for write in served for pause in write.pauses):
        if pause.name in balances:
            balances[pause.name].pause(pause.for_ms)
    _adopt(tx, balances, served)
    _ask(tx, balances, served)
    sharing = share_out(balances, _heads(tx, balances))
    if sharing.granted:
        tx.connection.execute(_GRANT, [{"its_id": its_id, "at": tx.now} for its_id in sharing.granted])
    _keep(tx, balances)
    answers: dict[str, Shared] = {}
    for owner_id in {write.owner_id for write in served}:
        held = tx.connection.execute(_HELD, {"owner_id": owner_id}).scalars().all()
        answers[owner_id] = Shared(granted=tuple(sorted(held)), wait_ms=sharing.wait_ms, more=sharing.more)
    return [
        _answer(write, answers[write.owner_id], balances) if write.owner_id in alive else Fenced() for write in writes
    ]


def _answer(write: ShareLimits, shared: Shared, balances: dict[str, Balance]) -> Shared:
    free = tuple(ask.id for ask in write.asks if balances.keys().isdisjoint(ask.limits))
    unknown = {name for ask in write.asks for name in ask.limits if name not in balances}
    return Shared(
        granted=(*shared.granted, *free), unknown=tuple(sorted(unknown)), wait_ms=shared.wait_ms, more=shared.more
    )


def _records(tx: Transaction) -> dict[str, LimitRecord]:
    rows = tx.connection.execute(_LOCKED).mappings()
    return {row["name"]: from_row(LimitRecord, row) for row in rows}


def _balances(tx: Transaction, *, sweep: bool) -> dict[str, Balance]:
    known = _records(tx)
    if sweep:
        tx.connection.execute(_SWEEP, {"now": tx.now})
    used = {name: int(tx.connection.execute(_GRANTED, {"name": name}).scalar_one()) for name in known}
    return {name: Balance(record, used[name], tx.now) for name, record in known.items()}


def _alive(tx: Transaction, owner_ids: set[str]) -> set[str]:
    return set(tx.connection.execute(_ALIVE, {"ids": sorted(owner_ids), "now": tx.now}).scalars())


def _end(tx: Transaction, balances: dict[str, Balance], ends: Sequence[LimitEnd]) -> None:
    spent = {end.id: end.tokens for end in ends}
    for ids in chunks(spent):
        for row in tx.connection.execute(_BY_IDS, {"ids": ids}).all():
            balance = balances.get(row.limit_name)
            if balance is None or row.granted_at is None:
                continue
            balance.used -= 1
            actual = spent[row.id]
            if actual is not None:
                balance.correct(row.tokens, actual)
        tx.connection.execute(_END, {"ids": ids})


def _adopt(tx: Transaction, balances: dict[str, Balance], writes: Sequence[ShareLimits]) -> None:
    """One by one: there are some only after the death of an owner."""
    ended = {end.id for write in writes for end in write.ends}
    for owner_id, ask in [(write.owner_id, ask) for write in writes for ask in write.adopted if ask.id not in ended]:
        here = and_(_u.execution_id == ask.execution_id, _u.instance == ask.instance, _u.attempt == ask.attempt)
        rows = [from_row(LimitUse, row) for row in tx.connection.execute(select(limit_uses).where(here)).mappings()]
        if any(row.id == ask.id for row in rows):
            continue
        tx.connection.execute(delete(limit_uses).where(here))
        for row in rows:
            if row.limit_name in balances and row.granted_at is not None:
                balances[row.limit_name].used -= 1
        former = {row.limit_name: row for row in rows}
        names = [name for name in dict.fromkeys(ask.limits) if name in balances]
        for name in names:
            balances[name].used += 1
        uses = [to_row(taken_over(owner_id, ask, former.get(name), name, tx.now)) for name in names]
        if uses:
            tx.connection.execute(insert(limit_uses), uses)


def _ask(tx: Transaction, balances: dict[str, Balance], writes: Sequence[ShareLimits]) -> None:
    ended = {end.id for write in writes for end in write.ends}
    asks = [
        (write.owner_id, ask)
        for write in writes
        for ask in write.asks
        if ask.id not in ended and not balances.keys().isdisjoint(ask.limits)
    ]
    known: set[str] = set()
    places: dict[tuple[str, str], int] = {}
    for ids in chunks(ask.id for _, ask in asks):
        known.update(row.id for row in tx.connection.execute(_BY_IDS, {"ids": ids}))
    for ids in chunks({ask.execution_id for _, ask in asks}):
        places.update(((row[0], row[1]), row[2]) for row in tx.connection.execute(_PLACES, {"ids": ids}))
    rows: list[dict[str, Any]] = []
    for owner_id, ask in asks:
        new: Iterable[LimitAsk] = () if ask.id in known else (ask,)
        rows.extend(to_row(use) for use in placed(owner_id, new, balances, places, tx.now))
        known.add(ask.id)
    if rows:
        tx.connection.execute(insert(limit_uses), rows)


def _heads(tx: Transaction, balances: dict[str, Balance]) -> dict[str, list[Waiting]]:
    """Who waits first for each limit that may grant anything; one that is full need not be looked at."""
    ids: dict[str, Sequence[str]] = {}
    for name, balance in balances.items():
        if balance.wait_ms(0) is not None:
            ids[name] = tx.connection.execute(_HEAD, {"name": name}).scalars().all()
    rows: dict[str, list[Any]] = {}
    for some in chunks({its_id for head in ids.values() for its_id in head}):
        for row in tx.connection.execute(_BY_IDS, {"ids": some}):
            rows.setdefault(row.id, []).append(row)
    waiting = {
        its_id: Waiting(
            uses[0].place, uses[0].asked_at, its_id,
            tuple(sorted(use.limit_name for use in uses if use.granted_at is None)), uses[0].tokens,
        )
        for its_id, uses in rows.items()
    }  # fmt: skip
    return {name: [waiting[its_id] for its_id in head] for name, head in ids.items()}


def _keep(tx: Transaction, balances: dict[str, Balance]) -> None:
    """Rows of limits that have moved. Time alone moves a bucket too, but that can be reckoned at any later time."""
    rows = [to_row(balance.as_record()) for balance in balances.values() if balance.has_moved]
    if rows:
        tx.connection.execute(insert_or_update(tx.connection.dialect.name, limits), rows)


# -- reading ------------------------------------------------------------------------------------------------------


class SqlLimits:
    """A LimitReader over the tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def statuses(self) -> list[LimitStatus]:
        """All limits, by name."""
        return query(self._engine, "read the limits", _statuses)

    def status(self, name: str) -> LimitStatus | None:
        """One limit."""
        return next((found for found in self.statuses() if found.record.name == name), None)

    def uses(self, name: str, limit: int = 100) -> list[LimitUse]:
        """Uses of one limit: granted ones first, then those that wait, in order."""
        return query(self._engine, "read the uses of a limit", lambda connection: _uses(connection, name, limit))


def _statuses(connection: Connection) -> list[LimitStatus]:
    now = int(connection.execute(select(clock_ms(connection))).scalar_one())
    counted = (
        select(_u.limit_name, func.count(_u.granted_at), func.count()).where(_is_alive(now)).group_by(_u.limit_name)
    )
    counts = {row[0]: (row[1], row[2]) for row in connection.execute(counted)}
    statuses = []
    for row in connection.execute(select(limits).order_by(limits.c.name)).mappings():
        used, everything = counts.get(row["name"], (0, 0))
        statuses.append(Balance(from_row(LimitRecord, row), used, now).status(everything - used))
    return statuses


def _uses(connection: Connection, name: str, limit: int) -> list[LimitUse]:
    now = int(connection.execute(select(clock_ms(connection))).scalar_one())
    statement = (
        select(limit_uses)
        .where(_u.limit_name == name, _is_alive(now))
        .order_by(_u.granted_at.is_(None), _u.granted_at, _u.place, _u.asked_at, _u.id)
        .limit(limit)
    )
    return [from_row(LimitUse, row) for row in connection.execute(statement).mappings()]


def _is_alive(now: int) -> ColumnElement[bool]:
    return exists().where(owners.c.id == _u.owner_id, owners.c.lease_until > now)
