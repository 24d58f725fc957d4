"""R28: who kills its owners ends as crashed, alone; its neighbours are not blamed, and what makes progress never is."""

from __future__ import annotations

from typing import Any

from flowray.engine import events as ev
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import SUSPECT_AFTER
from flowray.runtime.poison import MAX_FAILED_RECOVERIES, PROBATION_MS, is_poison, shows_progress, verdict
from tests.engine.plans import PlanMaker
from tests.runtime.harness import SILENT, Clock, House, expire_leases, insert

CHAIN = PlanMaker().chain("a", "b", waits_for_commit=True).build()


class Town:
    """Owners that die one after the other."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.lives = 0

    def house(self, script: Any = None, **more: Any) -> House:
        self.lives += 1
        return House(self.store, self.clock, f"o{self.lives}", script, **more)

    def next_life(self, script: Any = None, **more: Any) -> House:
        """The former owner is dead; a new one looks around once."""
        expire_leases(self.clock)
        house = self.house(script, **more)
        house.sweep()
        return house

    def row(self, execution_id: str = "e1") -> Any:
        return self.store.execution_by_id(execution_id)

    def log(self, execution_id: str = "e1") -> list[str]:
        return [event.type for event in self.store.events.read(execution_id)]

    def kill(self, house: House) -> None:
        """It dies in the middle of a sweep: nothing that it does from here on is written."""
        house.orchestrator.driver._live.clear()


def test_the_policy() -> None:
    assert not is_poison(MAX_FAILED_RECOVERIES, MAX_FAILED_RECOVERIES)
    assert is_poison(MAX_FAILED_RECOVERIES + 1, MAX_FAILED_RECOVERIES)
    assert "6 processes in a row" in verdict(6)
    again = [ev.ExecutionRecovered(ts=1, epoch=2), ev.NodeStarted(ts=1, instance="a", node_id="a", node_type="t",
             attempt=2, tries=1)]  # fmt: skip
    assert not shows_progress(again)
    assert not shows_progress([])
    assert shows_progress([*again, ev.NodeCompleted(ts=1, instance="a", node_id="a", attempt=2)])


def test_r28_what_kills_every_owner_ends_as_crashed_with_its_reason() -> None:
    town = Town()
    town.house({"a": SILENT}).start(CHAIN)
    for number in range(1, MAX_FAILED_RECOVERIES + 1):
        town.next_life({"a": SILENT})
        assert (town.row().status, town.row().failed_recoveries) == ("running", number)
    house = town.next_life({"a": SILENT})
    assert house.executor.tasks == []
    assert town.row().status == "crashed"
    assert town.row().crash_reason == verdict(MAX_FAILED_RECOVERIES + 1)
    assert town.row().error["code"] == "EXECUTION_CRASHED"
    assert town.row().owner_id is None
    assert town.log()[-1] == "execution.crashed"


def test_r28_the_number_of_chances_is_a_setting() -> None:
    town = Town()
    town.house({"a": SILENT}).start(CHAIN)
    town.next_life({"a": SILENT}, max_failed_recoveries=1)
    town.next_life({"a": SILENT}, max_failed_recoveries=1)
    assert town.row().status == "crashed"


def test_r28_progress_resets_the_count() -> None:
    town = Town()
    town.house({"a": SILENT}).start(CHAIN)
    town.next_life({"a": SILENT})
    assert town.row().failed_recoveries == 1
    town.next_life({"a": 1, "b": SILENT})
    assert (town.row().failed_recoveries, town.row().recoveries) == (0, 2)


def test_r28_what_waits_is_acquitted_by_its_owners_survival() -> None:
    """A long call makes no progress; that its owner dies of something else is not its doing."""
    town = Town()
    town.house({"a": SILENT}).start(CHAIN)
    for _ in range(MAX_FAILED_RECOVERIES - 1):
        house = town.next_life({"a": SILENT})
        assert town.row().failed_recoveries == 1
        last_seq = town.row().last_seq
        house.tick(PROBATION_MS)
        assert (town.row().failed_recoveries, town.row().last_seq) == (0, last_seq)
    assert town.row().status == "running"


def test_r28_a_hand_over_counts_nothing() -> None:
    town = Town()
    house = town.house({"a": SILENT})
    house.start(CHAIN)
    house.orchestrator.stop()
    town.house({"a": SILENT}).sweep()
    assert (town.row().failed_recoveries, town.row().epoch) == (0, 2)


def test_r28_one_that_never_gets_as_far_as_its_first_commit_is_counted_too() -> None:
    town = Town()
    insert(town.store, CHAIN, owner_id="gone", epoch=1)
    for number in range(1, MAX_FAILED_RECOVERIES + 1):
        house = town.house()
        house.orchestrator.sweep()  # It dies before its driver has turned once.
        assert (town.row().status, town.row().failed_recoveries) == ("queued", number)
        expire_leases(town.clock)
    town.house().sweep()
    assert (town.row().status, town.row().recoveries) == ("crashed", 0)


def test_r28_suspects_are_taken_over_one_at_a_time() -> None:
    town = Town()
    house = town.house({"a": SILENT})
    house.start(CHAIN, "culprit", "neighbour-1", "neighbour-2")
    for _ in range(SUSPECT_AFTER):
        town.next_life({"a": SILENT})
    expire_leases(town.clock)
    house = town.house({"a": 1, "b": SILENT})
    house.orchestrator.sweep()
    assert [row for row in ("culprit", "neighbour-1", "neighbour-2") if town.row(row).owner_id == "o4"] == ["culprit"]
    house.orchestrator.sweep()
    house.orchestrator.driver._turn()
    owned = [row for row in ("culprit", "neighbour-1", "neighbour-2") if town.row(row).owner_id == "o4"]
    assert len(owned) == 2  # Nothing was driven yet between the sweeps, so the first one counts as gone.
    house.settle()
    for _ in range(3):
        house.sweep()
    assert {town.row(row).failed_recoveries for row in ("culprit", "neighbour-1", "neighbour-2")} == {0}


def test_r28_neighbours_of_a_culprit_are_not_blamed() -> None:
    """The culprit kills whoever drives it; everybody else ends."""
    town = Town()
    town.house({"a": SILENT}).start(CHAIN, "culprit", "n1", "n2", "n3")
    for _ in range(4 * MAX_FAILED_RECOVERIES):
        expire_leases(town.clock)
        house = town.house({"a": 1, "b": 2})
        for _ in range(6):
            house.orchestrator.sweep()
            if town.row("culprit").owner_id == house.orchestrator.identity.id and town.row("culprit").epoch > 1:
                break  # The process is dead before it writes anything.
            house.settle()
        if town.row("culprit").status == "crashed":
            break
    assert {town.row(name).status for name in ("n1", "n2", "n3")} == {"completed"}
    assert town.row("culprit").status == "crashed"


def test_r28_the_pool_leaves_suspects_to_the_quarantine() -> None:
    town = Town()
    town.house({"a": SILENT}).start(CHAIN, "e1", "e2")
    for _ in range(SUSPECT_AFTER):
        town.next_life({"a": SILENT})
    expire_leases(town.clock)
    calls: list[str] = []
    pool = town.house({"a": 1, "b": 2}, quarantine=lambda: calls.append("come"))
    pool.start(CHAIN, "e3")
    pool.sweep()
    pool.orchestrator.wake(["e1"])
    assert calls == ["come"]
    assert (town.row("e1").owner_id, town.row("e3").status) == ("o3", "completed")
    apart = town.house({"a": 1, "b": 2}, suspects_only=True)
    insert(town.store, CHAIN, "e4", owner_id=None, epoch=0)
    for _ in range(2):
        apart.sweep()
    assert [town.row(name).status for name in ("e1", "e2", "e4")] == ["completed", "completed", "queued"]


def test_s07_a_row_that_cannot_be_read_ends_as_crashed_under_its_own_id(monkeypatch: Any) -> None:
    """Nor does it keep its neighbours from being taken over."""
    town = Town()
    insert(town.store, CHAIN, "bad", owner_id=None, epoch=0)
    insert(town.store, CHAIN, "good", owner_id=None, epoch=0)
    read = town.store.execution_by_id

    def failing(execution_id: str) -> Any:
        if execution_id == "bad":
            raise ValueError("Expecting value: line 1 column 1 (char 0)")
        return read(execution_id)

    monkeypatch.setattr(town.store, "execution_by_id", failing)
    monkeypatch.setattr(town.store, "executions_by_ids", lambda ids: list(map(failing, ids)))
    house = town.house({"a": 1, "b": 2})
    for _ in range(3):
        house.sweep()
    monkeypatch.undo()
    assert (town.row("good").status, town.row("bad").status) == ("completed", "crashed")
    assert "ValueError: Expecting value" in town.row("bad").crash_reason
    assert house.executor.instances == ["a", "b"]
    assert {record.id for record in town.store.executions().data} == {"bad", "good"}
