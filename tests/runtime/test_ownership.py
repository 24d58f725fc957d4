"""The lease: trusted for a part of its length, renewed, lost (R23, R27)."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.journal import DirectJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import OwnerRecord
from flowray.persistence.writes import RegisterOwner, ReleaseOwner
from flowray.runtime.ownership import LEASE_MS, MARGIN_MS, Lease, OwnerIdentity
from tests.runtime.harness import Clock


class World:
    def __init__(self, **identity: Any) -> None:
        self.clock, self.database_clock = Clock(), Clock()
        self.store = MemoryStore(self.database_clock)
        self.lost = threading.Event()
        self.journal: Any = DirectJournal(self.store)
        self.lease = self.make(**identity)

    def make(self, owner_id: str = "o1", lease_ms: int = LEASE_MS, **identity: Any) -> Lease:
        who = OwnerIdentity(id=owner_id, kind="test", generation="g", **identity)
        return Lease(who, self.journal, self.store, self.clock, self.lost.set, lease_ms)

    def tick(self, ms: int) -> None:
        self.clock.now += ms
        self.database_clock.now += ms


def test_a_lease_is_trusted_until_a_margin_before_its_end() -> None:
    world = World()
    assert not world.lease.is_trusted()
    world.lease.register()
    assert world.lease.is_trusted()
    world.tick(LEASE_MS - MARGIN_MS - 1)
    assert world.lease.is_trusted()
    world.tick(1)
    assert not world.lease.is_trusted()


def test_the_owner_is_described_for_the_dashboard() -> None:
    world = World(actor_name="orchestrator-0", actor_id="abc", log_location="worker-1")
    world.lease.register()
    (owner,) = world.store.owners()
    assert (owner.id, owner.actor_name, owner.actor_id, owner.log_location) == (
        "o1", "orchestrator-0", "abc", "worker-1",
    )  # fmt: skip
    assert (owner.host, owner.pid) == (socket.gethostname(), os.getpid())
    assert owner.lease_until == world.database_clock.now + LEASE_MS


def test_renewing_counts_from_before_the_request() -> None:
    """The database's lease begins later than this process believes, never earlier."""
    world = World()
    world.lease.register()
    world.tick(5_000)

    class Slow(DirectJournal):
        def commit(self, writes: Any) -> Any:
            world.tick(1_000)
            return super().commit(writes)

    world.lease._journal = Slow(world.store)
    assert world.lease.renew()
    world.tick(LEASE_MS - MARGIN_MS - 1_001)
    assert world.lease.is_trusted()
    world.tick(1)
    assert not world.lease.is_trusted()
    assert world.store.owners()[0].lease_until - world.database_clock.now == MARGIN_MS + 1_000


@pytest.mark.parametrize("error", [FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away"), OSError("broken pipe")])
def test_trouble_with_the_journal_is_no_loss_but_trust_runs_out(error: Exception) -> None:
    world = World()
    world.lease.register()

    class Broken(DirectJournal):
        def commit(self, writes: Any) -> Any:
            raise error

    good, world.lease._journal = world.lease._journal, Broken(world.store)
    world.tick(LEASE_MS - MARGIN_MS)
    assert world.lease.renew()
    assert not world.lease.is_trusted()
    world.lease._journal = good
    assert world.lease.renew()
    assert world.lease.is_trusted()


def test_a_lease_that_ended_is_lost_for_good() -> None:
    world = World()
    world.lease.register()
    world.database_clock.now += LEASE_MS + 1  # this process slept; its own clock may not even have moved
    assert not world.lease.renew()
    assert not world.lease.is_trusted()
    assert world.store.owners() == []


def test_the_thread_notices_the_loss_and_says_so_once() -> None:
    world = World()
    lease = world.make(lease_ms=30)
    lease.start()
    world.store.commit([ReleaseOwner(id="o1")])
    assert world.lost.wait(60)
    lease.stop()


def test_the_thread_renews() -> None:
    world = World()
    renewed = threading.Event()

    class Counting(DirectJournal):
        calls = 0

        def commit(self, writes: Any) -> Any:
            self.calls += 1
            if self.calls == 3:
                renewed.set()
            return super().commit(writes)

    world.journal = Counting(world.store)
    lease = world.make(lease_ms=30)
    lease.start()
    assert renewed.wait(60)
    lease.stop()
    assert world.store.owners() == []
    assert not world.lost.is_set()


def test_stopping_ends_the_lease_at_once_even_twice() -> None:
    world = World()
    world.lease.register()
    world.lease.stop()
    world.lease.stop()
    assert world.store.owners() == []


def test_stopping_while_the_database_is_away_lets_the_lease_run_out() -> None:
    world = World()
    world.lease.register()

    class Away(DirectJournal):
        def commit(self, writes: Any) -> Any:
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away")

    world.lease._journal = Away(world.store)
    world.lease.stop()
    assert [owner.id for owner in world.store.owners()] == ["o1"]


def test_a_restarted_process_ends_the_lease_of_its_dead_predecessor() -> None:
    world = World(actor_name="orchestrator-0")
    dead = 2**22 + 1  # above the highest pid of Linux
    host = socket.gethostname()
    fields: dict[str, Any] = {"kind": "test", "generation": "g", "lease_ms": LEASE_MS}
    world.store.commit([
        RegisterOwner(id="dead", actor_name="orchestrator-0", host=host, pid=dead, **fields),
        RegisterOwner(id="alive", actor_name="orchestrator-0", host=host, pid=os.getppid(), **fields),
        RegisterOwner(id="elsewhere", actor_name="orchestrator-0", host="another", pid=dead, **fields),
        RegisterOwner(id="another", actor_name="orchestrator-1", host=host, pid=dead, **fields),
    ])  # fmt: skip
    world.lease.register()
    assert {owner.id for owner in world.store.owners()} == {"o1", "alive", "elsewhere", "another"}


def test_owners_without_an_actor_name_live_side_by_side_in_one_process() -> None:
    """Two local runtimes over one store do not end each other's leases."""
    world = World()
    other = world.make("o2")
    world.lease.register()
    other.register()
    assert {owner.id for owner in world.store.owners()} == {"o1", "o2"}


def test_an_owner_that_the_store_refuses_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.store, "_apply", {})
    with pytest.raises(FlowrayError, match="o1 was not registered"):
        world.lease.register()
    assert not world.lease.is_trusted()


def test_a_process_starts_although_its_predecessors_cannot_be_read() -> None:
    """Raising here would end an actor in its constructor, from which Ray starts none anew."""
    world = World(actor_name="orchestrator-0")

    class Away(MemoryStore):
        def owners(self) -> list[OwnerRecord]:
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "could not read owners", retryable=True)

    world.lease._reader = Away()
    world.lease.register()
    assert world.lease.is_trusted()
