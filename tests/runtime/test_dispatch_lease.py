"""R23: attempts of former owners do not begin, whatever clocks and networks do."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.runtime import dispatch_lease
from flowray.runtime.dispatch_lease import TRUST_MS, DispatchLease, StaleGuard, host_id, monotonic_ms
from tests.runtime.harness import Clock

HERE, ELSEWHERE = "this boot", "another machine"


class Database:
    """Says the epoch, and counts the looks."""

    def __init__(self, epoch: int | None = 3) -> None:
        self.epoch = epoch
        self.looks = 0
        self.away = False

    def __call__(self, execution_id: str) -> int | None:
        self.looks += 1
        if self.away:
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away")
        return self.epoch


def task(epoch: int = 3) -> NodeTask:
    return NodeTask(execution_id="e1", instance="a", node_id="a", node_type="http", epoch=epoch)


def guard_of(database: Database, clock: Clock) -> StaleGuard:
    return StaleGuard(database, clock, HERE)


async def test_r23_within_the_lease_nothing_is_looked_up() -> None:
    database, clock = Database(), Clock()
    guard = guard_of(database, clock)
    assert not await guard.is_stale(task(), DispatchLease(HERE, clock.now + 1))
    assert not await guard.is_stale(task(), None)
    assert database.looks == 0


@pytest.mark.parametrize(("epoch", "stale"), [(3, False), (4, True), (None, True)])
async def test_r23_after_the_lease_the_database_decides(epoch: int | None, stale: bool) -> None:
    """A call may have waited long at a busy lane while its owner renewed its lease: then it is not stale."""
    database, clock = Database(epoch), Clock()
    lease = DispatchLease(HERE, clock.now)
    assert await guard_of(database, clock).is_stale(task(), lease) is stale
    assert guard_of(database, clock).is_stale_here(task(), lease) is stale
    assert database.looks == 2


async def test_r23_a_known_higher_epoch_needs_no_look() -> None:
    """The new owner's adoption came first."""
    database, clock = Database(), Clock()
    guard = guard_of(database, clock)
    guard.note("e1", 4)
    guard.note("e1", 2)
    assert await guard.is_stale(task(3), DispatchLease(HERE, clock.now + 10**6))
    assert guard.is_stale_here(task(3), None)
    assert not await guard.is_stale(task(4), DispatchLease(HERE, clock.now + 10**6))
    assert database.looks == 0


async def test_r23_a_look_that_was_made_before_the_adoption_decides_nothing() -> None:
    """The new owner came while the database was asked: its epoch counts, not the one that was read."""
    clock = Clock()

    def epoch_of(execution_id: str) -> int:
        guard.note(execution_id, 4)
        return 3

    guard = StaleGuard(epoch_of, clock, HERE)
    assert await guard.is_stale(task(3), DispatchLease(HERE, clock.now))


async def test_r27_the_lease_of_another_machine_is_no_clock_of_ours() -> None:
    database, clock = Database(), Clock()
    guard = guard_of(database, clock)
    lease = DispatchLease(ELSEWHERE, clock.now + 10**9)
    assert not await guard.is_stale(task(), lease)
    assert not await guard.is_stale(task(), lease)
    assert database.looks == 1
    database.epoch = 4
    clock.now += TRUST_MS
    assert await guard.is_stale(task(), lease)
    assert await guard.is_stale(task(), lease)
    assert database.looks == 2


async def test_r23_while_the_database_is_away_nothing_begins_after_its_lease() -> None:
    database, clock = Database(), Clock()
    database.away = True
    lease = DispatchLease(HERE, clock.now - 1)
    assert await guard_of(database, clock).is_stale(task(), lease)
    assert guard_of(database, clock).is_stale_here(task(), lease)
    assert not await StaleGuard(None, clock, HERE).is_stale(task(), lease)


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_lease, "EPOCHS_KEPT", 2)
    guard = guard_of(Database(), Clock())
    for number in range(5):
        guard.note(f"n{number}", 9)
    guard.note("e1", 9)
    assert list(guard._epochs) == ["n4", "e1"]


def test_a_machine_has_one_name_and_one_clock() -> None:
    assert host_id() == host_id()
    assert 0 < monotonic_ms() <= monotonic_ms()
