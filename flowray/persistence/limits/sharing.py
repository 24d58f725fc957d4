"""Named limits as rows and arithmetic: what is free, who is next. Pure: stores load rows, ask here, keep the answer.

A *use* is one attempt under the limits that its node names. It waits, is granted by all of them at once, and ends.
Uses are served in one order for all limits, so that two of them can never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from flowray.persistence.records import DEFAULT_WORKSPACE, Record
from flowray.persistence.writes.limits import LimitAsk

MINUTE_MS = 60_000

WINDOW = 64
"""How many waiting uses of one limit are looked at in one transaction, which must stay short."""


class LimitRecord(Record, frozen=True):
    """One named limit, None being no bound. Rates per minute, as buckets that hold a minute's worth.

    ``requests`` and ``tokens`` are what the buckets held at ``refilled_at``; tokens may be owed, below 0. ``served`` is
    the place up to which waiting uses were served. ``paused_until``: nothing is granted before, as a provider asked.
    """

    name: str
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    requests: float = 0.0
    tokens: float = 0.0
    refilled_at: int = 0
    served: int = 0
    paused_until: int | None = None
    created_at: int = 0
    updated_at: int = 0
    workspace_id: str = DEFAULT_WORKSPACE


class LimitUse(Record, frozen=True):
    """One attempt under one limit, one row for each that its node names. ``id`` is the same in all of them.

    ``place`` orders those that wait: executions take turns, each in the order in which its attempts asked.
    ``granted_at`` is None while it waits.
    """

    id: str
    limit_name: str
    owner_id: str
    execution_id: str
    instance: str
    attempt: int
    tokens: int
    place: int
    asked_at: int
    granted_at: int | None = None
    workspace_id: str = DEFAULT_WORKSPACE


class LimitStatus(Record, frozen=True):
    """A limit and what is under it now: uses granted and waiting, and what the buckets hold, None without a rate."""

    record: LimitRecord
    used: int
    waiting: int
    requests: float | None = None
    tokens: float | None = None


class LimitReader(Protocol):
    """Limits as they stand. Uses of owners whose lease has ended do not count."""

    def statuses(self) -> list[LimitStatus]:
        """All limits, by name."""
        ...

    def status(self, name: str) -> LimitStatus | None:
        """One limit."""
        ...

    def uses(self, name: str, limit: int = 100) -> list[LimitUse]:
        """Uses of one limit: granted ones first, then those that wait, in order."""
        ...


class Waiting(NamedTuple):
    """A use that waits; sorts in the order in which uses are served."""

    place: int
    asked_at: int
    id: str
    limits: tuple[str, ...]
    tokens: int


class Sharing(NamedTuple):
    """Which uses are granted now; ms until more may be, where time alone brings it; and whether to ask again at once,
    since more than a window waits."""

    granted: tuple[str, ...]
    wait_ms: int | None
    more: bool


class Balance:
    """A limit at one moment: refilled to ``now`` (database clock), with ``used`` uses granted."""

    def __init__(self, record: LimitRecord, used: int, now: int) -> None:
        self.record = record
        self.used = used
        self.now = now
        self.requests = _refilled(record.requests, record.rpm, now - record.refilled_at)
        self.tokens = _refilled(record.tokens, record.tpm, now - record.refilled_at)
        self.served = record.served
        self.paused_until = record.paused_until

    def wait_ms(self, tokens: int) -> int | None:
        """0 if a use with this estimate may be granted; else how long until time allows it, None if time will not.

        An estimate beyond a whole bucket is granted when the bucket is full, and owed: it must not wait for ever.
        """
        record = self.record
        if record.concurrency is not None and self.used >= record.concurrency:
            return None
        waits = [max((self.paused_until or 0) - self.now, 0)]
        if record.rpm is not None:
            waits.append(_time_for(1 - self.requests, record.rpm))
        if record.tpm is not None and tokens:
            waits.append(_time_for(min(tokens, record.tpm) - self.tokens, record.tpm))
        return max(waits)

    def grant(self, use: Waiting) -> None:
        """One more use."""
        self.used += 1
        self.requests -= 1
        self.tokens -= use.tokens
        self.served = max(self.served, use.place)

    def correct(self, reserved: int, spent: int) -> None:
        """A use has ended: what it really spent counts, not the estimate."""
        self.tokens = min(self.tokens + reserved - spent, float(self.record.tpm or 0))

    def pause(self, for_ms: int) -> None:
        """The provider asks for silence."""
        self.paused_until = max(self.paused_until or 0, self.now + for_ms)

    @property
    def has_moved(self) -> bool:
        """Something but time has changed it."""
        elapsed_ms, record = self.now - self.record.refilled_at, self.record
        levels = _refilled(record.requests, record.rpm, elapsed_ms), _refilled(record.tokens, record.tpm, elapsed_ms)
        kept = (record.served, record.paused_until, *levels)
        return (self.served, self.paused_until, self.requests, self.tokens) != kept

    def as_record(self) -> LimitRecord:
        """The row to keep."""
        paused = self.paused_until if self.paused_until is not None and self.paused_until > self.now else None
        return msgspec.structs.replace(
            self.record, requests=self.requests, tokens=self.tokens, refilled_at=self.now, served=self.served,
            paused_until=paused,
        )  # fmt: skip

    def status(self, waiting: int) -> LimitStatus:
        """For people."""
        return LimitStatus(
            record=self.record, used=self.used, waiting=waiting,
            requests=None if self.record.rpm is None else self.requests,
            tokens=None if self.record.tpm is None else self.tokens,
        )  # fmt: skip


def _refilled(level: float, per_minute: int | None, elapsed_ms: int) -> float:
    if per_minute is None:
        return 0.0
    return min(level + per_minute * max(elapsed_ms, 0) / MINUTE_MS, float(per_minute))


def _time_for(missing: float, per_minute: int) -> int:
    """ms until a bucket has gained that much; rounded up, so that asking again then finds it."""
    return 0 if missing <= 1e-9 else int(missing * MINUTE_MS / per_minute) + 1


def changed(
    known: LimitRecord | None, name: str, rpm: int | None, tpm: int | None, concurrency: int | None, now: int
) -> LimitRecord:
    """The limit with new bounds. A new bucket is full; one that shrinks loses what no longer fits."""
    if known is None:
        known = LimitRecord(name=name, created_at=now)
    present = Balance(known, 0, now)
    requests = float(rpm or 0) if known.rpm is None else min(present.requests, float(rpm or 0))
    tokens = float(tpm or 0) if known.tpm is None else min(present.tokens, float(tpm or 0))
    return msgspec.structs.replace(
        known, rpm=rpm, tpm=tpm, concurrency=concurrency, requests=requests, tokens=tokens, refilled_at=now,
        updated_at=now,
    )  # fmt: skip


def placed(
    owner_id: str,
    asks: Iterable[LimitAsk],
    balances: Mapping[str, Balance],
    last_places: dict[tuple[str, str], int],
    now: int,
) -> list[LimitUse]:
    """Rows of new uses under those of their limits that exist.

    Start-time fair queueing: an execution's next place is one behind its last, but never before what is served
    already. So executions take turns, however much each has asked for at once. ``last_places``:
    ``{(execution, limit): place}``, brought up to date.
    """
    uses: list[LimitUse] = []
    for ask in asks:
        names = [name for name in dict.fromkeys(ask.limits) if name in balances]
        place = 1 + max(
            (max(balances[name].served, last_places.get((ask.execution_id, name), 0)) for name in names), default=0
        )
        for name in names:
            last_places[ask.execution_id, name] = place
            uses.append(
                LimitUse(
                    id=ask.id, limit_name=name, owner_id=owner_id, execution_id=ask.execution_id,
                    instance=ask.instance, attempt=ask.attempt, tokens=ask.tokens, place=place, asked_at=now,
                )
            )  # fmt: skip
    return uses


def taken_over(owner_id: str, ask: LimitAsk, former: LimitUse | None, name: str, now: int) -> LimitUse:
    """The row of an attempt that runs on under another owner; ``former``: the one that its dead owner had, if it is
    still there. What it may spend was reserved then.
    """
    return LimitUse(
        id=ask.id, limit_name=name, owner_id=owner_id, execution_id=ask.execution_id, instance=ask.instance,
        attempt=ask.attempt, tokens=0 if former is None else former.tokens, place=0,
        asked_at=now if former is None else former.asked_at, granted_at=now,
    )  # fmt: skip


def share_out(balances: Mapping[str, Balance], heads: Mapping[str, Sequence[Waiting]]) -> Sharing:
    """Grant what is free, in order. ``heads``: the first ``WINDOW`` uses that wait for each limit, in order.

    Whoever cannot be granted holds back all that come later under the same limits: one that needs two limits would
    starve if others could always overtake it in one of them. Changes the balances.
    """
    held_back: set[str] = set()
    granted: list[str] = []
    waits: list[int] = []
    ends = {name: uses[-1] for name, uses in heads.items() if len(uses) >= WINDOW}
    for use in sorted({use for uses in heads.values() for use in uses}):
        names = [name for name in use.limits if name in balances]
        beyond = any(name in ends and use > ends[name] for name in names)
        if beyond or not held_back.isdisjoint(names):
            held_back.update(names)
            continue
        times = [balances[name].wait_ms(use.tokens) for name in names]
        if any(time != 0 for time in times):
            held_back.update(names)
            if None not in times:
                waits.append(max(time for time in times if time is not None))
            continue
        for name in names:
            balances[name].grant(use)
        granted.append(use.id)
    return Sharing(tuple(granted), min(waits, default=None), any(name not in held_back for name in ends))
