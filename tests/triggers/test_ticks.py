"""When schedules tick: time zones, the hours that a zone skips or has twice, and what is due after a pause."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import takewhile

import pytest

from flowray.triggers.configs import ScheduleConfig
from flowray.triggers.ticks import MAX_COUNTED, _ticks_back, last_tick, next_tick, plan_ticks

DAY = 86_400_000


def ms(text: str) -> int:
    """A UTC time of day as ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


def ticks(config: ScheduleConfig, start: str, end: str) -> list[str]:
    found, at = [], ms(start)
    while (tick := next_tick(config, at)) is not None and tick <= ms(end):
        found.append(datetime.fromtimestamp(tick / 1_000, UTC).strftime("%d %H:%M"))
        at = tick
    return found


@pytest.mark.parametrize(
    ("cron", "zone", "start", "end", "expected"),
    [
        # 2026-03-29 02:00 → 03:00 in Berlin: what would be at 02:30 is made up for at 03:00 (01:00 UTC).
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00", "2026-03-30T12:00", ["28 01:30", "29 01:00", "30 00:30"]),
        # 2026-10-25 03:00 → 02:00 in Berlin: 02:30 comes twice and counts the first time (00:30 UTC).
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00", "2026-10-26T12:00", ["24 00:30", "25 00:30", "26 01:30"]),
        ("0 9 * * *", "America/New_York", "2026-03-07T00:00", "2026-03-09T23:00", ["07 14:00", "08 13:00", "09 13:00"]),
        ("0 9 * * 1-5", "America/New_York", "2026-11-06T00:00", "2026-11-10T00:00", ["06 14:00", "09 14:00"]),
        # Every half hour goes by the hours that pass, not by those on the wall: none is left out, none comes twice.
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T02:00",
         ["25 00:30", "25 01:00", "25 01:30", "25 02:00"]),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T02:00",
         ["29 00:30", "29 01:00", "29 01:30", "29 02:00"]),
        ("0 0 L * *", "UTC", "2026-01-01T00:00", "2026-03-01T00:00", ["31 00:00", "28 00:00"]),
        ("0 0 29 2 *", "Asia/Kolkata", "2026-01-01T00:00", "2028-12-01T00:00", ["28 18:30"]),
    ],
)  # fmt: skip
def test_cron_in_time_zones(cron: str, zone: str, start: str, end: str, expected: list[str]) -> None:
    assert ticks(ScheduleConfig(cron=cron, timezone=zone), start, end) == expected


def test_within_the_hour_that_comes_twice_nothing_ticks_again() -> None:
    """At 02:15, the second time, 02:30 is not ahead: it was half an hour ago."""
    config = ScheduleConfig(cron="30 2 * * *", timezone="Europe/Berlin")
    second_quarter_past_two = ms("2026-10-25T01:15")
    assert next_tick(config, second_quarter_past_two) == ms("2026-10-26T01:30")
    assert last_tick(config, second_quarter_past_two) == ms("2026-10-25T00:30")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Africa/Casablanca"])
@pytest.mark.parametrize(
    "cron", ["30 2 * * *", "0 * * * *", "*/15 * * * *", "0 9 * * 1-5", "15,45 1-3 * * *", "0 0 L * *", "*/20 2 * * *"]
)
def test_backwards_it_finds_the_same_ticks(cron: str, zone: str) -> None:
    config = ScheduleConfig(cron=cron, timezone=zone)
    for start, end in (("2026-03-06T00:00", "2026-03-31T00:00"), ("2026-10-23T00:00", "2026-11-03T00:00")):
        forwards, at = [], ms(start)
        while (tick := next_tick(config, at)) is not None and tick <= ms(end):
            forwards.append(tick)
            at = tick
        backwards = list(takewhile(ms(start).__lt__, _ticks_back(config, ms(end))))
        assert backwards[::-1] == forwards


def test_intervals_are_whole_multiples() -> None:
    config = ScheduleConfig(every="90s")
    assert (next_tick(config, 0), next_tick(config, 89_999), next_tick(config, 90_000)) == (90_000, 90_000, 180_000)
    assert last_tick(config, 180_000) == 90_000


def test_a_tick_that_never_comes() -> None:
    assert next_tick(ScheduleConfig(cron="0 0 30 2 1"), 0) is not None  # the 30th, or any Monday in February
    config = ScheduleConfig.model_construct(cron="0 0 30 2 *", every=None, timezone="UTC")
    with pytest.raises(Exception, match="Bad day-of-month"):
        next_tick(config, 0)


def test_years_of_missed_seconds_are_not_counted_one_by_one() -> None:
    config = ScheduleConfig(cron="* * * * * *", catch_up="all", max_catch_up=5)
    now = ms("2026-01-01T00:00")
    plan = plan_ticks(config, now - 400 * DAY, now)
    assert plan.fire == tuple(now - 1_000 * back for back in (4, 3, 2, 1, 0))
    assert (plan.missed, plan.last_missed, plan.next_at) == (MAX_COUNTED + 1 - 5, now - 5_000, now + 1_000)


def test_the_tick_that_was_promised_counts_even_if_it_is_none_any_more() -> None:
    """Zones change their rules; a tick that stands in the database has come all the same."""
    plan = plan_ticks(ScheduleConfig(cron="0 0 * * *"), ms("2026-01-01T12:00"), ms("2026-01-01T12:00"))
    assert (plan.fire, plan.next_at) == ((ms("2026-01-01T12:00"),), ms("2026-01-02T00:00"))
