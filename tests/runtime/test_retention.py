"""Rounds of retention: what is due goes, all else stays, and a round that was stopped is taken up by the next (R34)."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.directory import DirectoryWorkspaces
from flowray.persistence.journal import DirectJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.payloads.directory import DirectoryPayloads
from flowray.persistence.payloads.ids import payload_id
from flowray.persistence.payloads.store import PayloadStore
from flowray.persistence.writes import AnyResult, AnyWrite
from flowray.runtime.retention import (
    DAY_MS,
    NO_RETENTION,
    Retention,
    RetentionPolicy,
    RetentionReport,
    RetentionThread,
    retain_forever,
)
from flowray.values import describe
from tests.persistence.samples import insert, owned

NOW = 100 * DAY_MS
WEEK = RetentionPolicy(completed_ms=7 * DAY_MS, failed_ms=30 * DAY_MS)


class World:
    """A store at day 100, and the commits of a retention."""

    def __init__(self, payloads: PayloadStore | None = None) -> None:
        self.store = MemoryStore(lambda: NOW)
        self.payloads = payloads or self.store.payloads
        self.commits = 0
        self.dies_at: int | None = None

    async def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        self.commits += 1
        if self.commits == self.dies_at:
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away")
        return self.store.commit(writes)

    def retention(self, policy: RetentionPolicy = WEEK) -> Retention:
        return Retention(self.store, self.commit, self.payloads, policy)

    def ended(self, its_id: str, days_ago: int, status: str = "completed", **fields: Any) -> None:
        self.store.commit([insert(its_id, status=status, ended_at=NOW - days_ago * DAY_MS, **fields)])

    @property
    def left(self) -> list[str]:
        return sorted(record.id for record in self.store.executions(limit=200).data)


async def test_what_is_due_goes_with_all_it_had_and_the_rest_stays() -> None:
    world = World()
    world.ended("old", 8)
    kept = world.payloads.put("young", "x", b"2")
    world.ended("young", 6, outputs=describe(kept, None, b"2"))
    world.ended("failed-old", 31, "failed")
    world.ended("failed-young", 29, "cancelled")
    world.ended("own", 2, retain_until=NOW - 1)
    world.ended("for-ever", 99, retain_until=2**62)
    world.store.commit([owned("open")])
    world.payloads.put("old", "x", b"1")
    assert await world.retention().preview() == RetentionReport(executions=3)
    report = await world.retention().run()
    assert (report.executions, report.rows) == (3, 4)
    assert world.left == ["failed-young", "for-ever", "open", "young"]
    assert world.payloads.get(kept) == b"2"
    assert await world.retention().run() == RetentionReport()


async def test_without_a_time_nothing_is_ever_deleted() -> None:
    """The default: nobody has said that anything may go."""
    world = World()
    world.ended("old", 99)
    assert await world.retention(RetentionPolicy()).run() == RetentionReport()
    assert world.left == ["old"]


async def test_many_are_deleted_in_many_commits() -> None:
    world = World()
    for number in range(90):
        world.ended(f"e{number}", 10)
    assert (await world.retention().run()).executions == 90
    assert world.left == []
    assert world.commits >= 90 // 20 + 2


@pytest.mark.parametrize("at", range(1, 6))
async def test_a_round_that_was_stopped_is_taken_up_by_the_next(at: int) -> None:
    world = World()
    for number in range(45):
        world.ended(f"e{number}", 10)
    world.dies_at = at
    with pytest.raises(FlowrayError):
        await world.retention().run()
    world.dies_at = None
    await world.retention().run()
    assert (world.left, world.store.upkeep.leftovers(NOW + 1).deleted) == ([], 0)
    assert world.store.plan("plan-1") is None


async def test_what_cannot_be_deleted_does_not_keep_a_round_for_ever() -> None:
    world = World()
    world.ended("old", 10)
    retention = world.retention()

    async def refuses(writes: Sequence[AnyWrite]) -> list[AnyResult]:
        world.store.commit([insert("again", status="running", rerun_of="old")])  # began after it was found
        return world.store.commit(writes)

    retention._commit = refuses
    assert (await retention.run()).executions == 0
    assert world.left == ["again", "old"]


# -- files --------------------------------------------------------------------------------------------------------


def aged(root: Path, days: float) -> None:
    """Make every file under ``root`` so old."""
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (NOW / 1_000 - days * 86_400,) * 2)


def owners(root: Path) -> list[str]:
    """Whose folders are there."""
    return sorted(path.name for path in root.iterdir())


async def test_r34_files_of_nobody_are_collected_once_they_are_a_day_old(tmp_path: Path) -> None:
    files = DirectoryPayloads(tmp_path)
    world = World(files)
    world.store.commit([owned("open")])
    world.ended("young", 1)
    kept = [files.put("open", "x", b"1"), files.put("young", "x", b"2")]
    orphan = files.put("starting", "x", b"12345")
    (tmp_path / "open" / ".new-abc").write_bytes(b"half")
    aged(tmp_path, 0.9)
    assert await world.retention().run() == RetentionReport()
    aged(tmp_path, 1.1)
    expected = RetentionReport(payloads=1, bytes=5)
    assert await world.retention().preview() == expected
    expected.temporary = 1
    assert await world.retention().run() == expected
    assert [files.get(its_id) for its_id in kept] == [b"1", b"2"]
    with pytest.raises(FlowrayError, match="no payload"):
        files.get(orphan)
    assert owners(tmp_path) == ["open", "young"]


async def test_r34_files_follow_their_deleted_execution(tmp_path: Path) -> None:
    files = DirectoryPayloads(tmp_path)
    world = World(files)
    world.ended("old", 10)
    files.put("old", "x", b"123")
    aged(tmp_path, 10)
    report = await world.retention().run()
    assert (report.executions, report.payloads, report.bytes) == (1, 1, 3)
    assert owners(tmp_path) == []


async def test_files_of_an_owner_that_cannot_be_looked_up_stay(tmp_path: Path) -> None:
    files = DirectoryPayloads(tmp_path)
    world = World(files)
    hashed = files.put("an id / with signs", "x", b"1")
    assert len(hashed.partition(".")[0]) == 64
    aged(tmp_path, 99)
    assert await world.retention().run() == RetentionReport()
    assert files.get(hashed) == b"1"


async def test_many_owners_are_looked_up_in_groups(tmp_path: Path) -> None:
    files = DirectoryPayloads(tmp_path)
    world = World(files)
    for number in range(450):
        path = tmp_path / f"gone{number}" / payload_id("x", str(number).encode()).partition(".")[2]
        path.parent.mkdir()
        path.write_bytes(b"1")
    aged(tmp_path, 2)
    assert (await world.retention().run()).payloads == 450


# -- for ever -----------------------------------------------------------------------------------------------------


async def test_rounds_go_on_after_a_failure_until_they_are_stopped() -> None:
    world = World()
    world.ended("old", 10)
    world.dies_at = 1
    stopped, purged = asyncio.Event(), asyncio.Event()

    async def commit(writes: Sequence[AnyWrite]) -> list[AnyResult]:
        results = await world.commit(writes)
        if not world.left:
            purged.set()
        return results

    policy = RetentionPolicy(completed_ms=0, every_s=0.001)
    rounds = asyncio.ensure_future(retain_forever(world.store, commit, world.payloads, policy, stopped))
    await asyncio.wait_for(purged.wait(), 60)
    assert not rounds.done()
    stopped.set()
    await asyncio.wait_for(rounds, 60)


def test_a_thread_runs_rounds_and_stops() -> None:
    world = World()
    gone = threading.Event()

    class Journal(DirectJournal):
        def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
            results = super().commit(writes)
            if not world.left:
                gone.set()
            return results

    world.ended("old", 10)
    policy = RetentionPolicy(completed_ms=0, every_s=0.001)
    thread = RetentionThread(Journal(world.store), world.store, world.payloads, policy)
    thread.start()
    assert gone.wait(60)
    thread.stop()
    thread.stop()


def test_without_rounds_there_is_no_thread() -> None:
    world = World()
    thread = RetentionThread(DirectJournal(world.store), world.store, world.payloads, NO_RETENTION)
    thread.start()
    assert not thread._thread.is_alive()
    thread.stop()


async def test_files_of_executions_go_with_them(tmp_path: Path) -> None:
    world, files = World(), DirectoryWorkspaces(tmp_path)
    world.ended("old", 8)
    world.ended("young", 6)
    for owner, age in (("old", 8), ("young", 6), ("nobody", 8), ("coming", 0)):
        files.write(owner, ("a", "b.txt"), b"12", overwrite=True)
        at = (NOW - age * DAY_MS) / 1_000
        os.utime(tmp_path / owner / "a" / "b.txt", (at, at))
    retention = Retention(world.store, world.commit, world.payloads, WEEK, files)
    assert await retention.preview() == RetentionReport(executions=1, files=1, bytes=2)
    report = await retention.run()
    assert (report.executions, report.files, report.bytes) == (1, 2, 4)
    assert sorted(files.owners()) == ["coming", "young"]
    assert await retention.run() == RetentionReport()
