"""A crashed execution goes on from its log: nothing that ended runs again, waits and children are taken up anew."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.signals import Pause, Signals
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import Claim, Done, Fenced
from flowray.runtime.redriving import redrive_write
from tests.engine.plans import PlanMaker
from tests.runtime.harness import SILENT, Clock, House, insert, sleeping, succeeded
from tests.runtime.test_child_recovery import calls

CHAIN = PlanMaker().chain("a", "b", "c", waits_for_commit=True).build()


class Town:
    """A store in which executions crash."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)

    def house(self, owner_id: str = "o1", script: Any = None) -> House:
        return House(self.store, self.clock, owner_id, script)

    def row(self) -> Any:
        return self.store.execution_by_id("e1")

    def crashed(self, plan: Any, script: Any) -> House:
        """Started, and crashed where nothing moves without an answer."""
        house = self.house("o1", script)
        house.start(plan)
        driver = house.orchestrator.driver
        driver._crash(driver._live["e1"], RuntimeError("broken"))
        house.orchestrator.driver.post_many(())
        house.orchestrator.driver._turn()
        house.settle()
        assert self.row().status == "crashed"
        return house

    def redrive(self) -> Any:
        (result,) = self.store.commit([redrive_write(self.row(), self.clock.now, by="ann")])
        return result


def test_it_goes_on_where_its_log_ends() -> None:
    town = Town()
    house = town.crashed(CHAIN, {"a": 1, "b": SILENT})
    town.clock.now += 5_000
    assert isinstance(town.redrive(), Done)
    row = town.row()
    assert (row.status, row.ended_at, row.crash_reason, row.error, row.owner_id) == ("queued", None, None, None, None)
    house.executor.script = {"b": 2, "c": 3}
    house.sweep()
    assert [(task.instance, task.attempt) for task in house.executor.tasks] == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]
    assert (town.row().status, town.row().outputs, town.row().epoch) == ("completed", {"c": 3}, 2)
    types = [event.type for event in town.store.events.read("e1")]
    crash = types.index("execution.crashed")
    assert types[crash : crash + 3] == ["execution.crashed", "execution.redriven", "execution.recovered"]
    assert [event.body["by"] for event in town.store.events.read("e1") if event.type == "execution.redriven"] == ["ann"]


def test_it_is_done_once_however_often_it_is_asked_for() -> None:
    town = Town()
    town.crashed(CHAIN, {"a": SILENT})
    first, other = redrive_write(town.row(), 1, by="x"), redrive_write(town.row(), 2, by="y")
    assert [type(town.store.commit([write])[0]) for write in (first, first, other)] == [Done, Done, Fenced]
    with pytest.raises(ValueError, match="redrive"):
        redrive_write(town.row(), 3)


def test_one_that_crashed_before_its_start_is_started() -> None:
    town = Town()
    house = town.house("o1", {"a": 1, "b": 2, "c": 3})
    insert(town.store, CHAIN, owner_id="o1", epoch=1)
    house.orchestrator._give_up(Claim("e1", 1, 0, True), "broken")
    assert town.row().status == "crashed"
    town.redrive()
    house.sweep()
    assert (town.row().status, town.row().outputs) == ("completed", {"c": 3})


def test_waits_are_waited_for_again_and_open_waitpoints_are_open_again() -> None:
    town = Town()
    due_at = town.clock.now + 60_000
    plan = PlanMaker().node("ask").node("sleep").build()
    script = {
        "ask": lambda task: succeeded(task, signals=Signals(pause=Pause(kind="person", reason="?"))),
        "sleep": lambda task: sleeping(task, due_at, "slept"),
    }
    house = town.crashed(plan, script)
    (waitpoint,) = town.store.waitpoints().data
    assert waitpoint.status == "cancelled"
    town.clock.now += 1_000
    town.redrive()
    house.sweep()
    assert town.row().status == "waiting"
    assert {entry["node_id"] for entry in town.row().waiting_for} == {"ask", "sleep"}
    (again,) = town.store.waitpoints().data
    assert (again.status, again.token, again.completed_at) == ("open", waitpoint.token, None)
    house.tick(60_000)
    assert town.row().status == "paused"
    assert [task.instance for task in house.executor.tasks] == ["ask", "sleep"]


def test_a_child_that_the_crash_cancelled_is_called_anew() -> None:
    """It has a new key: the old one's child is cancelled and stays so."""
    town = Town()
    house = town.crashed(PlanMaker().node("call").build(), {"call": calls(), "in": 1, "work": SILENT})
    for _ in range(2):
        house.sweep()
    town.redrive()
    house.executor.script = {"call": calls(), "in": 1, "work": 42}
    for _ in range(3):
        house.sweep()
    found = [(task.instance, task.attempt, task.tries) for task in house.executor.tasks if task.instance == "call"]
    assert found == [("call", 1, 1), ("call", 2, 2)]
    assert town.row().status == "completed"
    children = {record.parent_key: record.status for record in town.store.executions(parent_id="e1").data}
    assert children == {"call#1": "cancelled", "call#2": "completed"}


def test_the_time_between_does_not_count() -> None:
    """R14: active time stands still while an execution has ended."""
    town = Town()
    plan = PlanMaker(timeout_ms=10_000).chain("a", "b").build()
    town.crashed(plan, {"a": 1, "b": SILENT})
    town.clock.now += 3_600_000
    town.redrive()
    town.house("o2", {"b": 2}).sweep()
    assert town.row().status == "completed", [event.type for event in town.store.events.read("e1")]
    state = replay(PlanIndex(plan), town.store.events.read_raw("e1"))
    assert state.active_ms < 10_000
