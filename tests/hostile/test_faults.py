"""The faulty store does what it says: otherwise a suite that passes with it proves nothing (R22, R25)."""

from __future__ import annotations

from collections import Counter
from typing import cast

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import open_database
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.migrations import upgrade
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.persistence.stores import Reader
from flowray.persistence.writes import SaveWorkflow
from tests.databases import sqlite_url
from tests.hostile.faults import Fault, Faults, FaultyCommitter, FaultyReader, deadlock_commits

__all__ = ["sqlite_url"]


class Always(Faults):
    """One kind of fault, each time it can be drawn."""

    def __init__(self, kind: Fault) -> None:
        super().__init__(1.0, seed=1)
        self._kind = kind

    def draw(self, *kinds: Fault) -> Fault | None:
        return self._kind if self._kind in kinds else None


def save(its_id: str = "w1") -> SaveWorkflow:
    return SaveWorkflow(id=its_id, name="n", hash="h", definition={}, ts=1)


@pytest.mark.parametrize(("kind", "is_there"), [("before", False), ("after", True)])
def test_a_commit_fails_before_or_after_it_is_durable(kind: Fault, is_there: bool) -> None:
    store = MemoryStore()
    with pytest.raises(FlowrayError) as caught:
        FaultyCommitter(store, Always(kind)).commit([save()])
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.DATABASE_UNAVAILABLE, True)
    assert (store.workflow("w1") is not None) is is_there


def test_a_late_commit_is_a_commit() -> None:
    store = MemoryStore()
    FaultyCommitter(store, Always("delay")).commit([save()])
    assert store.workflow("w1") is not None


def test_any_read_fails_also_of_the_parts_of_a_reader() -> None:
    reader = cast(Reader, FaultyReader(MemoryStore(), Always("before")))
    for read in (
        lambda: reader.workflow("w1"), reader.now_ms, lambda: reader.events.read_raw("e1"),
        lambda: reader.limits.statuses(), lambda: reader.queues.page(), lambda: reader.memory.entry("w1", "k"),
    ):  # fmt: skip
        with pytest.raises(FlowrayError, match="an injected fault"):
            read()


def test_a_deadlock_is_no_matter_of_reads() -> None:
    assert cast(Reader, FaultyReader(MemoryStore(), Always("deadlock"))).workflow("w1") is None


def test_a_deadlock_is_repeated_by_the_committer_and_goes_unnoticed(sqlite_url: str) -> None:
    engine = open_database(sqlite_url)
    try:
        upgrade(engine)
        faults = Faults(0.3, seed=5)
        deadlock_commits(engine, faults)
        committer = SqlCommitter(engine)
        for number in range(30):
            committer.commit([save(f"w{number}")])
        assert faults.drawn["deadlock"] >= 3
        assert len(SqlReader(engine).workflows(limit=50).data) == 30
    finally:
        engine.dispose()


def test_a_seed_gives_the_same_faults_again_at_the_given_rate() -> None:
    def drawn(seed: int) -> list[Fault | None]:
        faults = Faults(0.05, seed)
        return [faults.draw("before", "after", "delay") for _ in range(4_000)]

    assert drawn(7) == drawn(7) != drawn(8)
    counted = Counter(drawn(7))
    assert 120 < 4_000 - counted[None] < 280
    assert set(counted) == {None, "before", "after", "delay"}
