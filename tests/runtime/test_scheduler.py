"""The scheduler with a clock that stands still until it is moved: ticks, catching up, overlap, crashes, two at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.writes import AnyResult, AnyWrite
from flowray.persistence.writes.triggers import FireTrigger, SaveTrigger, SettleFiring
from flowray.runtime.scheduler import LONGEST_SLEEP_S, Scheduler, tick_key
from tests.persistence.samples import append, owned, save

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
START = 1_700_000_000_000 - 1_700_000_000_000 % HOUR


class House:
    """A store under a clock, and schedulers over it. ``started`` are execution ids, in order."""

    def __init__(self) -> None:
        self.now = START
        self.store = MemoryStore(lambda: self.now)
        self.store.commit([save()])
        self.started: list[str] = []
        self.failing = 0
        self.ids = itertools.count(1)

    def add(self, its_id: str = "t", *, enabled: bool = True, first: int = START, **config: Any) -> None:
        record = TriggerRecord(
            id=its_id, workflow_id="wf", kind="schedule", config=config, enabled=enabled,
            next_fire_at=first if enabled else None,
        )  # fmt: skip
        self.store.commit([SaveTrigger(record=record)])

    def scheduler(self) -> Scheduler:
        return Scheduler(self.store, self.write, self.start, lambda: f"x{next(self.ids)}")

    async def write(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        await asyncio.sleep(0)
        return self.store.commit(writes)

    async def start(self, firing: FiringRecord) -> None:
        if self.failing:
            self.failing -= 1
            raise FlowrayError(ErrorCode.RUNTIME_UNAVAILABLE, "the orchestrator is away", retryable=True)
        self.started.append(firing.execution_id)
        settle = SettleFiring(trigger_id=firing.trigger_id, fire_key=firing.fire_key, status="started")
        self.store.commit([owned(firing.execution_id), settle])

    def rows(self, its_id: str = "t") -> list[tuple[str, str]]:
        rows = self.store.triggers.history(its_id, limit=1_000).data
        return sorted((row.fire_key, row.status) for row in rows)

    def ticks(self, its_id: str = "t", status: str = "started") -> list[int]:
        rows = self.store.triggers.history(its_id, limit=1_000).data
        return sorted((row.scheduled_at or 0) - START for row in rows if row.status == status)

    def end(self, execution_id: str) -> None:
        self.store.commit([append(execution_id, changes={"status": "completed"})])


@pytest.fixture
def house() -> House:
    return House()


async def test_it_ticks_when_the_time_has_come_and_never_before(house: House) -> None:
    house.add(every="1m", first=START + MINUTE)
    scheduler = house.scheduler()
    assert await scheduler.round() == LONGEST_SLEEP_S
    house.now += MINUTE - 1
    assert await scheduler.round() == 0.001
    assert house.started == []
    house.now += 1
    assert await scheduler.round() == LONGEST_SLEEP_S
    assert await scheduler.round() == LONGEST_SLEEP_S
    assert (house.started, house.ticks()) == (["x1"], [MINUTE])
    [row] = house.store.triggers.history("t").data
    assert row.fire_key == tick_key(START + MINUTE)


async def test_it_sleeps_until_the_next_tick(house: House) -> None:
    house.add(every="1s", first=START + SECOND)
    assert await house.scheduler().round() == 1.0
    house.add("u", every="90s", first=START + 90 * SECOND)
    assert await house.scheduler().round() == 1.0


@pytest.mark.parametrize(
    ("catch_up", "late", "fired"),
    [
        ("none", 30 * SECOND, [5 * MINUTE]), ("none", 90 * SECOND, []),
        ("latest", 90 * SECOND, [5 * MINUTE]), ("all", 90 * SECOND, [n * MINUTE for n in range(6)]),
    ],
)  # fmt: skip
async def test_missed_ticks_are_made_up_for_as_the_policy_says(
    house: House, catch_up: str, late: int, fired: list[int]
) -> None:
    house.add(cron="0-5 * * * *", catchUp=catch_up)
    house.now += 5 * MINUTE + late
    await house.scheduler().round()
    assert house.ticks() == fired
    assert house.ticks(status="skipped") == (
        [] if catch_up == "all" else [max({n * MINUTE for n in range(6)} - {*fired})]
    )
    assert house.store.triggers.next_at() == START + HOUR


async def test_catching_up_with_all_is_bounded(house: House) -> None:
    house.add(every="1m", catchUp="all", maxCatchUp=3)
    house.now += 10 * MINUTE
    await house.scheduler().round()
    assert house.ticks() == [8 * MINUTE, 9 * MINUTE, 10 * MINUTE]
    [left] = [row for row in house.store.triggers.history("t").data if row.status == "skipped"]
    assert (left.scheduled_at, left.reason) == (START + 7 * MINUTE, "8 ticks up to this one were missed")


async def test_overlap(house: House) -> None:
    for policy in ("allow", "skip", "queue"):
        house.add(policy, every="1m", overlap=policy)
    scheduler = house.scheduler()
    for _ in range(3):
        await scheduler.round()
        house.now += MINUTE
    assert house.ticks("allow") == [0, MINUTE, 2 * MINUTE]
    assert (house.ticks("skip"), house.ticks("skip", "skipped")) == ([0], [MINUTE, 2 * MINUTE])
    assert (house.ticks("queue"), house.ticks("queue", "queued")) == ([0], [MINUTE, 2 * MINUTE])
    [first] = [row.execution_id for row in house.store.triggers.history("queue").data if row.status == "started"]
    house.now -= 30 * SECOND
    house.end(first)
    await scheduler.round()
    assert (house.ticks("queue"), house.ticks("queue", "queued")) == ([0, MINUTE], [2 * MINUTE])


async def test_two_schedulers_start_each_tick_once(house: House) -> None:
    """Scenario 63, with the two interleaved in every round."""
    house.add(every="1s")
    first, second = house.scheduler(), house.scheduler()
    for _ in range(30):
        await asyncio.gather(first.round(), second.round())
        house.now += SECOND
    assert house.ticks() == [n * SECOND for n in range(30)]
    assert len(set(house.started)) == 30


async def test_what_a_dead_scheduler_recorded_is_started_by_another(house: House) -> None:
    house.add(every="1h")
    row = FiringRecord(trigger_id="t", fire_key=tick_key(START), execution_id="x9", scheduled_at=START, payload={})
    write = FireTrigger(trigger_id="t", firings=(row,), revision=1, expected_at=START, next_at=START + HOUR)
    house.store.commit([write])  # and here it died
    scheduler = house.scheduler()
    await scheduler.round()
    assert house.started == []  # the other one may be at it
    house.now += 10 * SECOND
    await scheduler.round()
    await scheduler.round()
    assert (house.started, house.rows()) == (["x9"], [(tick_key(START), "started")])


async def test_a_start_that_fails_is_tried_again(house: House) -> None:
    house.add(every="1h")
    house.failing = 2
    scheduler = house.scheduler()
    assert await scheduler.round() == 1.0
    assert house.ticks(status="starting") == [0]
    house.now += 10 * SECOND
    assert await scheduler.round() == 1.0
    assert await scheduler.round() == LONGEST_SLEEP_S
    assert house.started == ["x1"]


async def test_a_broken_trigger_does_not_stop_the_others(house: House) -> None:
    house.add("a", every="no interval")
    house.add("b", every="1h")
    assert await house.scheduler().round() == 1.0
    assert house.ticks("b") == [0]


async def test_a_schedule_that_is_changed_or_disabled_meanwhile_does_not_tick(house: House) -> None:
    house.add(every="1h", enabled=False)
    await house.scheduler().round()
    assert (house.started, house.store.triggers.next_at()) == ([], None)


async def test_the_payload_of_a_tick_tells_its_time(house: House) -> None:
    house.add(cron="0 * * * *", timezone="Europe/Berlin", overlap="skip")
    house.failing = 1
    await house.scheduler().round()
    [row] = house.store.triggers.history("t").data
    assert row.payload == {
        "timestamp": "2023-11-14T22:00:00.000Z", "last_timestamp": "2023-11-14T21:00:00.000Z",
        "next_timestamp": "2023-11-14T23:00:00.000Z", "timezone": "Europe/Berlin",
    }  # fmt: skip


async def test_it_runs_for_ever_whatever_fails(house: House) -> None:
    house.add(every="1h")
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    async def write(_writes: Sequence[AnyWrite]) -> list[AnyResult]:
        if len(slept) == 0:
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)
        return house.store.commit(_writes)

    scheduler = Scheduler(house.store, write, house.start, lambda: "x", sleep)
    with pytest.raises(asyncio.CancelledError):
        await scheduler.run()
    assert (slept, house.started) == ([1.0, LONGEST_SLEEP_S, LONGEST_SLEEP_S], ["x"])
