"""Named limits of a MemoryStore: the same rows and the same arithmetic as in SQL, in dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from flowray.errors import ErrorCode
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
from flowray.persistence.writes import AnyResult, Done, Existing, Fenced, Inserted, Refused
from flowray.persistence.writes.limits import DeleteLimit, LimitAsk, LimitEnd, SaveLimit, Shared, ShareLimits


class MemoryLimits:
    """A LimitReader, and what applies the writes. ``is_alive(owner id, now)``: its lease has not ended."""

    def __init__(
        self, lock: AbstractContextManager[Any], clock_ms: Callable[[], int], is_alive: Callable[[str, int], bool]
    ) -> None:
        self._lock = lock
        self._clock_ms = clock_ms
        self._is_alive = is_alive
        self._limits: dict[str, LimitRecord] = {}
        self._uses: dict[str, dict[str, LimitUse]] = {}  # by id, by limit

    # -- writes; the caller holds the lock ------------------------------------------------------------------------

    def save(self, write: SaveLimit) -> AnyResult:
        """As ``SaveLimit`` says."""
        found = self._limits.get(write.name)
        if found is not None and write.only_new:
            return Existing(id=write.name)
        now = self._clock_ms()
        self._limits[write.name] = changed(found, write.name, write.rpm, write.tpm, write.concurrency, now)
        return Done() if found is not None else Inserted(id=write.name)

    def delete(self, write: DeleteLimit) -> AnyResult:
        """As ``DeleteLimit`` says."""
        if self._limits.pop(write.name, None) is None:
            return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no limit {write.name!r}")
        for use in [uses[write.name] for uses in self._uses.values() if write.name in uses]:
            self._grant(use)
        return Done()

    def share(self, write: ShareLimits) -> AnyResult:
        """As ``ShareLimits`` says."""
        now = self._clock_ms()
        if write.sweep:
            self._uses = {its_id: uses for its_id, uses in self._uses.items() if self._is_alive(_owner(uses), now)}
        if not self._is_alive(write.owner_id, now):
            return Fenced()
        balances = {name: Balance(record, self._used(name), now) for name, record in self._limits.items()}
        for end in write.ends:
            self._end(balances, end)
        for pause in write.pauses:
            if pause.name in balances:
                balances[pause.name].pause(pause.for_ms)
        self._adopt(balances, write, now)
        self._ask(balances, write, now)
        sharing = share_out(balances, {name: self._head(name) for name in balances})
        for use in [use for its_id in sharing.granted for use in self._uses[its_id].values()]:
            self._grant(use)
        for balance in balances.values():
            if balance.has_moved:
                self._limits[balance.record.name] = balance.as_record()
        held = sorted(its_id for its_id, uses in self._uses.items() if _is_held_by(uses, write.owner_id))
        free = [ask.id for ask in write.asks if balances.keys().isdisjoint(ask.limits)]
        unknown = {name for ask in write.asks for name in ask.limits if name not in balances}
        return Shared(
            granted=(*held, *free), unknown=tuple(sorted(unknown)), wait_ms=sharing.wait_ms, more=sharing.more
        )

    def unheld(self, before: int, active: Collection[str]) -> list[str]:
        """Uses asked for before then whose owner is dead, or whose execution is not ``active``; the caller holds the
        lock."""
        now = self._clock_ms()
        found = []
        for its_id, uses in self._uses.items():
            use = next(iter(uses.values()))
            if use.asked_at < before and not (self._is_alive(use.owner_id, now) and use.execution_id in active):
                found.append(its_id)
        return found

    def drop(self, use_id: str) -> None:
        """Forget a use that nobody has; the caller holds the lock."""
        self._uses.pop(use_id, None)

    def _adopt(self, balances: dict[str, Balance], write: ShareLimits, now: int) -> None:
        ended = {end.id for end in write.ends}
        for ask in write.adopted:
            if ask.id in self._uses or ask.id in ended:
                continue
            former = self._uses.pop(self._former(ask), {})
            for use in former.values():
                if use.limit_name in balances and use.granted_at is not None:
                    balances[use.limit_name].used -= 1
            for name in dict.fromkeys(ask.limits):
                if name in balances:
                    balances[name].used += 1
                    use = taken_over(write.owner_id, ask, former.get(name), name, now)
                    self._uses.setdefault(ask.id, {})[name] = use

    def _former(self, ask: LimitAsk) -> str:
        """The id under which another owner holds what is adopted, or no id."""
        key = (ask.execution_id, ask.instance, ask.attempt)
        for its_id, uses in self._uses.items():
            use = next(iter(uses.values()))
            if (use.execution_id, use.instance, use.attempt) == key:
                return its_id
        return ""

    def _ask(self, balances: dict[str, Balance], write: ShareLimits, now: int) -> None:
        places: dict[tuple[str, str], int] = {}
        for use in [use for uses in self._uses.values() for use in uses.values()]:
            key = (use.execution_id, use.limit_name)
            places[key] = max(places.get(key, 0), use.place)
        ended = {end.id for end in write.ends}
        new = [ask for ask in write.asks if ask.id not in self._uses and ask.id not in ended]
        for use in placed(write.owner_id, new, balances, places, now):
            self._uses.setdefault(use.id, {})[use.limit_name] = use

    def _end(self, balances: dict[str, Balance], end: LimitEnd) -> None:
        for use in self._uses.pop(end.id, {}).values():
            balance = balances.get(use.limit_name)
            if balance is not None and use.granted_at is not None:
                balance.used -= 1
                if end.tokens is not None:
                    balance.correct(use.tokens, end.tokens)

    def _grant(self, use: LimitUse) -> None:
        if use.granted_at is None:
            self._uses[use.id][use.limit_name] = msgspec.structs.replace(use, granted_at=self._clock_ms())

    def _used(self, name: str) -> int:
        return sum(name in uses and uses[name].granted_at is not None for uses in self._uses.values())

    def _head(self, name: str) -> Sequence[Waiting]:
        waiting = [
            Waiting(
                use.place, use.asked_at, use.id,
                tuple(sorted(other.limit_name for other in uses.values() if other.granted_at is None)), use.tokens,
            )
            for uses in self._uses.values()
            if (use := uses.get(name)) is not None and use.granted_at is None
        ]  # fmt: skip
        return sorted(waiting)[:WINDOW]

    # -- reading --------------------------------------------------------------------------------------------------

    def statuses(self) -> list[LimitStatus]:
        """All limits, by name."""
        with self._lock:
            return [self._status(name) for name in sorted(self._limits)]

    def status(self, name: str) -> LimitStatus | None:
        """One limit."""
        with self._lock:
            return self._status(name) if name in self._limits else None

    def uses(self, name: str, limit: int = 100) -> list[LimitUse]:
        """Uses of one limit: granted ones first, then those that wait, in order."""
        with self._lock:
            return sorted(self._alive(name), key=_shown_order)[:limit]

    def _status(self, name: str) -> LimitStatus:
        uses = self._alive(name)
        used = sum(use.granted_at is not None for use in uses)
        return Balance(self._limits[name], used, self._clock_ms()).status(len(uses) - used)

    def _alive(self, name: str) -> list[LimitUse]:
        now = self._clock_ms()
        return [uses[name] for uses in self._uses.values() if name in uses and self._is_alive(_owner(uses), now)]


def _owner(uses: dict[str, LimitUse]) -> str:
    return next(iter(uses.values())).owner_id


def _is_held_by(uses: dict[str, LimitUse], owner_id: str) -> bool:
    return all(use.owner_id == owner_id and use.granted_at is not None for use in uses.values())


def _shown_order(use: LimitUse) -> tuple[bool, int, int, int, str]:
    return use.granted_at is None, use.granted_at or 0, use.place, use.asked_at, use.id
