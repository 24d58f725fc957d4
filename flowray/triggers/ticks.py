"""The arithmetic of schedules: when they tick next, and which ticks are due or missed. Pure: the time is given.

Times are ms since the epoch. Cron means what it means in Debian's cron (cronsim): a time that a zone skips is made up
for at once, a time that it has twice counts the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim

from flowray.triggers.configs import ScheduleConfig
from flowray.triggers.cron import parse_every

GRACE_MS = 60_000
"""A tick that is no later than this is not missed, whatever the policy: a restart takes seconds."""

_FOLD_MS = 3 * 3_600_000
"""No zone turns its clock back further: from here backwards, no time of day has been passed over."""


@dataclass(frozen=True)
class TickPlan:
    """What is to be done at a moment: the ticks to fire, how many older ones are left out, and the next one.

    ``last_missed`` is the latest of those left out; ``missed`` counts them up to a bound, ``MAX_COUNTED``.
    """

    fire: tuple[int, ...]
    next_at: int | None
    missed: int = 0
    last_missed: int | None = None


MAX_COUNTED = 1_000


def plan_ticks(config: ScheduleConfig, due_at: int, now: int) -> TickPlan:
    """``due_at`` is the tick that has come; ``now`` is not before it. Everything after ``now`` is left for later."""
    limit = MAX_COUNTED + 1
    due: list[int] = []
    for tick in _ticks_back(config, now):
        if tick < due_at or len(due) == limit:
            break
        due.append(tick)
    if not due:
        due = [due_at]  # the definition of ticks has changed since: the one that was promised still counts
    kept = _kept(config, due, now)
    left = due[kept:]
    return TickPlan(
        fire=tuple(sorted(due[:kept])),
        next_at=next_tick(config, now),
        missed=len(left),
        last_missed=left[0] if left else None,
    )


def _kept(config: ScheduleConfig, due: list[int], now: int) -> int:
    """How many of the due ticks, latest first, fire."""
    if config.catch_up == "all":
        return min(len(due), config.max_catch_up)
    return 1 if config.catch_up == "latest" or now - due[0] <= GRACE_MS else 0


def next_tick(config: ScheduleConfig, after: int) -> int | None:
    """The first tick strictly after ``after``; None if there is none within fifty years."""
    if config.every is not None:
        every = parse_every(config.every)
        return (after // every + 1) * every
    times = CronSim(str(config.cron), _local(after, config))
    for found in times:
        tick = _ms(found)
        # In the hour that a zone repeats, the clock on the wall goes back behind ``after``.
        if tick > after:
            return tick
    return None


def last_tick(config: ScheduleConfig, before: int) -> int | None:
    """The last tick strictly before ``before``."""
    return next(_ticks_back(config, before - 1), None)


def _ticks_back(config: ScheduleConfig, now: int) -> Iterator[int]:
    """The ticks up to ``now``, latest first."""
    if config.every is not None:
        every = parse_every(config.every)
        yield from range(now // every * every, -1, -every)
        return
    start = now + (_FOLD_MS if _may_repeat(config) else 1_000)
    for found in CronSim(str(config.cron), _local(start, config), reverse=True):
        tick = _ms(found)
        if tick <= now:
            yield tick


def _may_repeat(config: ScheduleConfig) -> bool:
    return config.timezone != "UTC" and len(str(config.cron).split()) == 5


def _local(ms: int, config: ScheduleConfig) -> datetime:
    zone: tzinfo = UTC if config.timezone == "UTC" else ZoneInfo(config.timezone)
    return datetime.fromtimestamp(ms // 1_000, zone)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000
