"""R38: a new owner goes on with what lanes still hold, and runs again only the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from flowray.engine import stimuli as st
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime import orchestrator
from flowray.runtime.adopting import abandon_attempts, adopt_attempts, wanted
from flowray.runtime.held_attempts import Adoption, Key
from tests.engine.plans import PlanMaker
from tests.runtime.harness import SILENT, Clock, House, expire_leases, succeeded

FAN = PlanMaker().node("a").node("b").node("c", reads=["a", "b"]).edge("a -> c", "b -> c").build()


class Holder:
    """Holds the attempts of some instances; remembers what it was asked, and in which order."""

    def __init__(self, *instances: str) -> None:
        self.instances = instances
        self.asked: list[Adoption] = []
        self.delivered: list[tuple[str, ...]] = []
        self.error: Exception | None = None

    def adopt(self, adoptions: Sequence[Adoption]) -> list[Key]:
        if self.error is not None:
            raise self.error
        self.asked.extend(adoptions)
        return [
            (adoption.execution_id, instance, attempt)
            for adoption in adoptions
            for instance, attempt, _ in adoption.attempts
            if instance in self.instances
        ]

    def deliver(self, execution_ids: Sequence[str]) -> None:
        self.delivered.append(tuple(execution_ids))


class Town:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.lives = 0

    def house(self, script: Any, holder: Holder | None = None) -> House:
        self.lives += 1
        house = House(self.store, self.clock, f"o{self.lives}", script)
        house.orchestrator._holder = holder
        return house

    def row(self) -> Any:
        return self.store.execution_by_id("e1")


def test_r38_an_adopted_attempt_goes_on_and_the_other_runs_again() -> None:
    town = Town()
    dead = town.house({"a": SILENT, "b": SILENT})
    dead.start(FAN)
    expire_leases(town.clock)
    holder = Holder("a")
    house = town.house({"b": 2, "c": 3}, holder)
    house.sweep()
    (asked,) = holder.asked
    assert (asked.execution_id, asked.epoch, asked.attempts) == ("e1", 2, (("a", 1, 1), ("b", 1, 1)))
    assert [(task.instance, task.attempt) for task in house.executor.tasks] == [("b", 2)]
    assert holder.delivered == [("e1",)]
    house.orchestrator.driver.post("e1", succeeded(dead.executor.tasks[0], "kept", incarnation=asked.incarnation))
    house.settle()
    assert (town.row().status, town.row().epoch) == ("completed", 2)
    started = [event.body for event in town.store.events.read("e1") if event.type == "node.started"]
    assert [(body["instance"], body["attempt"]) for body in started] == [("a", 1), ("b", 1), ("b", 2), ("c", 1)]


def test_r38_its_epoch_is_that_of_its_start_however_many_owners_follow() -> None:
    """By it a lane tells the attempt of the log from one that ran ahead of a commit that never came."""
    town = Town()
    town.house({"a": SILENT, "b": SILENT}).start(FAN)
    holder = Holder("a", "b")
    for _ in range(2):
        expire_leases(town.clock)
        town.house({}, holder).sweep()
    assert [(asked.epoch, asked.attempts) for asked in holder.asked] == [
        (2, (("a", 1, 1), ("b", 1, 1))), (3, (("a", 1, 1), ("b", 1, 1))),
    ]  # fmt: skip


def test_r38_attempts_are_asked_for_once_for_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep picks up what is being claimed at this moment: asking again would say that they report to nobody."""
    town = Town()
    town.house({"a": SILENT, "b": SILENT}).start(FAN)
    expire_leases(town.clock)
    holder = Holder("a", "b")
    house = town.house({"a": SILENT, "b": SILENT}, holder)
    take_over = house.orchestrator._take_over

    def overtaken(claims: Any, *, is_new: bool) -> None:
        if is_new:
            house.orchestrator._pick_up_unstarted()
            house.settle()
        take_over(claims, is_new=is_new)

    monkeypatch.setattr(house.orchestrator, "_take_over", overtaken)
    house.sweep()
    assert house.orchestrator.driver.owned() == ["e1"]
    assert holder.asked == []


def test_r38_what_goes_on_is_heard_whatever_fails_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the database is away between the adoption and the next execution's inbox."""
    town = Town()
    town.house({"a": SILENT, "b": SILENT}).start(FAN)
    expire_leases(town.clock)
    holder = Holder("a")
    house = town.house({"b": SILENT}, holder)

    def away(*_: Any) -> Any:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)

    house.orchestrator._limited = object()  # type: ignore[assignment]
    monkeypatch.setattr(orchestrator, "limited_attempts", away)
    house.sweep()
    assert house.orchestrator.driver.owned() == ["e1"]
    assert holder.delivered == [("e1",)]


def test_r33_the_text_of_an_adopted_attempt_comes_again() -> None:
    town = Town()
    plan = PlanMaker().node("a", streams=True).build()
    dead = town.house({"a": SILENT})
    dead.start(plan)
    task = dead.executor.tasks[0]
    tokens = st.TokensProduced(
        ts=town.clock.now, instance="a", attempt=1, stream_id="llm-a", offset=0, text="Once", tokens=1,
        incarnation=task.incarnation,
    )  # fmt: skip
    dead.orchestrator.driver.post("e1", tokens)
    dead.settle()
    expire_leases(town.clock)
    holder = Holder("a")
    house = town.house({}, holder)
    house.sweep()
    assert [event.type for event in town.store.events.read("e1")][-2:] == ["execution.recovered", "stream.reset"]
    assert house.executor.tasks == []


def test_r38_without_lanes_that_answer_everything_runs_again() -> None:
    town = Town()
    town.house({"a": SILENT, "b": SILENT}).start(FAN)
    expire_leases(town.clock)
    holder = Holder("a", "b")
    holder.error = RuntimeError("no lane answers")
    house = town.house({"a": 1, "b": 2, "c": 3}, holder)
    house.sweep()
    assert town.row().status == "completed"
    assert holder.delivered == []
    assert adopt_attempts(None, []) == {}


def test_what_is_ours_already_is_not_asked_for() -> None:
    """It may be driven by the time that the answer comes, under the incarnation that it had."""
    town = Town()
    holder = Holder("a", "b")
    house = town.house({"a": SILENT, "b": SILENT}, holder)
    house.start(FAN)
    live = house.orchestrator.driver._live["e1"]
    assert [attempt[:2] for attempt in wanted(live).attempts] == [("a", 1), ("b", 1)]
    house.orchestrator.driver._forget(live)
    house.sweep()
    assert holder.asked == []
    assert [(task.instance, task.attempt) for task in house.executor.tasks[2:]] == [("a", 2), ("b", 2)]


def test_r38_nothing_of_an_execution_that_could_not_be_read_goes_on() -> None:
    holder = Holder("a")
    abandon_attempts(holder, "e1", 3)
    assert holder.asked == [Adoption("e1", 3, incarnation=0)]
    holder.error = RuntimeError("no lane")
    abandon_attempts(holder, "e1", 3)
    abandon_attempts(None, "e1", 3)


def test_r38_an_owner_that_gets_an_execution_back_does_not_stop_what_it_adopts() -> None:
    """It still drives it under the epoch that it had: another owner had it meanwhile, and died."""
    town = Town()
    holder = Holder("a", "b")
    house = town.house({"a": SILENT, "b": SILENT}, holder)
    house.start(FAN)
    town.store._tables.put_execution(msgspec.structs.replace(town.row(), owner_id="dead", epoch=2))
    house.sweep()
    assert (town.row().epoch, house.orchestrator.driver._live["e1"].epoch) == (3, 3)
    assert holder.delivered == [("e1",)]
    assert house.executor.dropped == []
