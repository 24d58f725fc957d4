"""Orchestrators: starting, sweeping, taking over by replay, dedicated ones. By hand, with a manual clock."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from flowray.engine import events as ev
from flowray.engine.start_points import Outcome, Selection, selection_to_json
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.journal import DirectJournal, ThreadJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import Claim, Existing, Inserted, InsertExecution, Leased, ReleaseOwner, RenewLease
from flowray.plan import plan_to_json
from flowray.runtime.orchestrator import MAX_ADOPTION_FAILURES, Orchestrator
from flowray.runtime.ownership import OwnerIdentity
from tests.engine.plans import PlanMaker
from tests.runtime.harness import (
    SILENT,
    START_MS,
    Clock,
    House,
    Published,
    ScriptedExecutor,
    expire_leases,
    insert,
    record_of,
    request_cancel,
    sleeping,
    succeeded,
)

ONE = PlanMaker().node("a").build()
CHAIN = PlanMaker().chain("a", "b", "c", waits_for_commit=True).build()


class Town:
    """A store and a clock that outlive orchestrators."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)

    def house(self, owner_id: str = "o1", script: Any = None, **more: Any) -> House:
        return House(self.store, self.clock, owner_id, script, **more)

    def row(self, execution_id: str = "e1") -> Any:
        return self.store.execution_by_id(execution_id)

    def log(self, execution_id: str = "e1") -> list[str]:
        return [event.type for event in self.store.events.read(execution_id)]


# -- starting ------------------------------------------------------------------------------------------------------


def test_r43_executions_are_inserted_as_owned_and_begun() -> None:
    town = Town()
    house = town.house(script={"a": SILENT})
    assert house.start(CHAIN, "e1", "e2", x=1) == [
        Inserted(id="e1", status="queued"),
        Inserted(id="e2", status="queued"),
    ]
    assert (town.row().owner_id, town.row().epoch, town.row().status) == ("o1", 1, "running")
    assert [task.inputs for task in house.executor.tasks] == [{"x": 1}, {"x": 1}]


def test_an_execution_that_existed_is_not_begun_again() -> None:
    town = Town()
    house = town.house(script={"a": SILENT})
    plan = plan_to_json(CHAIN)
    first = record_of(CHAIN, "e1", owner_id=None, idempotency_key="k", request_hash="h")
    second = record_of(CHAIN, "e2", owner_id=None, idempotency_key="k", request_hash="h")
    house.orchestrator.insert_and_start([first], plan)
    (result,) = house.orchestrator.insert_and_start([second], plan)
    house.settle()
    assert isinstance(result, Existing)
    assert house.executor.instances == ["a"]


def test_l2_a_start_that_is_asked_for_again_begins_nothing_again() -> None:
    """Its caller repeats it when the answer is late; within the same millisecond even the events would be the same."""
    town = Town()
    house = town.house(script={"a": 1, "b": 2, "c": 3})
    for _ in range(2):
        (result,) = house.start(CHAIN)
        assert isinstance(result, Inserted)
    assert house.executor.instances == ["a", "b", "c"]
    assert town.log().count("execution.started") == 1


def test_r22_a_start_whose_row_another_owner_wrote_is_not_driven_here() -> None:
    """Its insert was late, its caller has gone to the next owner, whose insert finds the row there."""
    town = Town()
    first, second = town.house(script={"a": SILENT}), town.house("o2", script={"a": SILENT})
    for house in (first, second):
        (result,) = house.start(CHAIN)
        assert isinstance(result, Inserted)
    assert (first.executor.instances, second.executor.instances) == (["a"], [])


def test_r25_a_cancellation_right_after_the_start_is_not_lost() -> None:
    """The driver has not yet looked at its queue: the rows follow the begin through it."""
    town = Town()
    house = town.house(script={"a": SILENT})
    house.orchestrator.insert_and_start([record_of(CHAIN, owner_id=None)], plan_to_json(CHAIN))
    assert house.orchestrator.driver.owned() == []
    request_cancel(town.store)
    house.orchestrator.wake(["e1"])
    house.settle()
    assert town.row().status == "cancelled"


def test_a_lost_wake_up_is_made_up_for_by_the_sweep() -> None:
    town = Town()
    house = town.house(script={"a": SILENT})
    house.start(CHAIN)
    request_cancel(town.store)
    house.sweep()
    assert town.row().status == "cancelled"


def test_waking_claims_what_nobody_owns() -> None:
    town = Town()
    house = town.house(script={"a": 1})
    insert(town.store, ONE, owner_id=None, epoch=0)
    house.orchestrator.wake(["e1", "unknown"])
    house.settle()
    assert (town.row().status, town.row().epoch) == ("completed", 1)


def test_waking_leaves_the_executions_of_others_alone() -> None:
    town = Town()
    other = town.house("o2", script={"a": SILENT})
    other.start(ONE)
    house = town.house("o1")
    house.orchestrator.wake(["e1"])
    house.settle()
    assert town.row().owner_id == "o2"
    assert house.executor.tasks == []


# -- taking over ---------------------------------------------------------------------------------------------------


def test_r29_a_new_owner_replays_and_runs_only_what_was_not_committed() -> None:
    town = Town()
    dead = town.house("o1", script={"a": 1, "b": SILENT})
    dead.start(CHAIN)
    assert dead.executor.instances == ["a", "b"]
    house = town.house("o2", script={"b": 2, "c": 3})
    house.sweep()
    assert house.executor.tasks == []  # the lease still runs
    expire_leases(town.clock)
    house = town.house("o3", script={"b": 2, "c": 3})
    house.sweep()
    assert [(task.instance, task.attempt, task.tries, task.epoch) for task in house.executor.tasks] == [
        ("b", 2, 1, 2),
        ("c", 1, 1, 2),
    ]
    assert house.executor.tasks[0].idempotency_key == dead.executor.tasks[1].idempotency_key
    assert house.executor.tasks[0].outputs == {}
    assert (town.row().status, town.row().recoveries, town.row().outputs) == ("completed", 1, {"c": 3})
    assert town.log().count("execution.recovered") == 1
    # What the dead owner still says is no longer heard.
    dead.orchestrator.driver.post("e1", succeeded(dead.executor.tasks[1], "late"))
    dead.settle()
    assert town.row().outputs == {"c": 3}


def test_r28_a_hand_over_is_no_recovery() -> None:
    town = Town()
    first = town.house("o1", script={"a": SILENT})
    first.start(CHAIN)
    first.orchestrator.stop()
    town.house("o2", script={"a": 1, "b": 2, "c": 3}).sweep()
    assert (town.row().status, town.row().recoveries) == ("completed", 0)


def test_r32_timers_are_set_again_at_the_time_they_always_had() -> None:
    town = Town()
    due_at = START_MS + 60_000
    town.house("o1", script={"a": lambda task: sleeping(task, due_at, "slept")}).start(ONE)
    assert town.row().status == "waiting"
    expire_leases(town.clock)
    house = town.house("o2")
    house.sweep()
    town.clock.now = due_at - 1
    house.settle()
    assert town.row().status == "waiting"
    house.tick(1)
    assert (town.row().status, town.row().outputs) == ("completed", {"a": "slept"})
    assert house.executor.tasks == []


def test_a_cancellation_that_came_while_nobody_drove_is_folded_on_take_over() -> None:
    town = Town()
    town.house("o1", script={"a": SILENT}).start(CHAIN)
    request_cancel(town.store)
    expire_leases(town.clock)
    house = town.house("o2")
    house.sweep()
    assert town.row().status == "cancelled"


def test_more_than_one_claim_s_worth_is_taken_over_in_one_sweep() -> None:
    town = Town()
    town.house("o1", script={"a": SILENT}).start(ONE, *(f"e{number}" for number in range(250)))
    expire_leases(town.clock)
    house = town.house("o2", script={"a": 1})
    house.sweep()
    assert {record.status for record in town.store.executions(limit=300).data} == {"completed"}


def test_what_is_owned_but_not_driven_is_picked_up() -> None:
    """Its insert was committed, the answer lost (R43)."""
    town = Town()
    house = town.house("o1", script={"a": 1})
    insert(town.store, ONE, owner_id="o1")
    house.sweep()
    assert (town.row().status, town.row().epoch) == ("completed", 1)


def test_what_the_journal_gave_up_on_is_picked_up_from_what_is_durable() -> None:
    town = Town()

    class Flaky(DirectJournal):
        failing = False

        def commit(self, writes: Any) -> Any:
            if self.failing:
                raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)
            return super().commit(writes)

    journal = Flaky(town.store)
    house = town.house("o1", script={"a": 1, "b": SILENT, "c": 3}, journal=journal)
    house.start(CHAIN)
    journal.failing = True
    house.orchestrator.driver.post("e1", succeeded(house.executor.tasks[-1], 2))
    house.settle()
    assert house.orchestrator.driver.owned() == []
    journal.failing = False
    house.executor.script = {"a": 1, "b": 2, "c": 3}
    house.sweep()
    assert (town.row().status, town.row().outputs) == ("completed", {"c": 3})
    assert house.executor.effects["e1:a:1"] == 1
    assert house.executor.effects["e1:b:1"] == 2


def test_what_ended_while_the_sweep_was_looking_is_not_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """L8: it would be held for ever, because nothing happens to an ended execution any more."""
    town = Town()
    house = town.house("o1", script={"a": 1})
    house.start(ONE)
    ended = town.row()
    claim = Claim("e1", 1, 0, recovery=False)
    house.orchestrator._take_over([claim], is_new=False)
    house.settle()
    assert house.orchestrator.driver.owned() == []
    still_owned = msgspec.structs.replace(ended, status="running", owner_id="o1")
    monkeypatch.setattr(town.store, "execution_by_id", lambda execution_id: still_owned)
    house.orchestrator._take_over([claim], is_new=False)
    house.settle()
    assert house.orchestrator.driver.owned() == []


def test_what_is_owned_by_somebody_else_by_now_is_left_alone() -> None:
    """R22."""
    town = Town()
    house = town.house("o1", script={"a": 1})
    insert(town.store, ONE, owner_id="o2", epoch=2)
    for epoch in (1, 2):
        house.orchestrator._take_over([Claim("e1", epoch, 0, recovery=False)], is_new=False)
    house.settle()
    assert house.orchestrator.driver.owned() == []
    assert house.executor.tasks == []


def test_a_log_that_has_grown_since_the_claim_is_recovered_not_started() -> None:
    """A commit that was given up on may be written after all: its attempts must not be waited for (L7)."""
    town = Town()
    town.house("o1", script={"a": SILENT}).start(ONE)
    expire_leases(town.clock)
    house = town.house("o2", script={"a": 1})
    record = msgspec.structs.replace(town.row(), owner_id="o2", epoch=2)
    town.store._tables.put_execution(record)
    house.orchestrator._take_over([Claim("e1", 2, 0, recovery=True)], is_new=False)
    house.settle()
    assert (town.row().status, town.row().outputs) == ("completed", {"a": 1})
    assert [task.attempt for task in house.executor.tasks] == [2]


# -- broken executions ---------------------------------------------------------------------------------------------


def broken(town: Town, *, owner_id: str | None = "o1") -> None:
    """An execution whose plan cannot be read."""
    record = record_of(ONE, "broken", plan_hash="bad", owner_id=owner_id, epoch=1 if owner_id else 0)
    town.store.commit([InsertExecution(record=record, plan=b"{}")])


@pytest.mark.parametrize("owner_id", ["o1", None])
def test_r28_a_broken_execution_stops_nobody_and_ends_as_crashed(owner_id: str | None) -> None:
    town = Town()
    published = Published()
    house = town.house("o1", script={"a": 1}, publish=published)
    broken(town, owner_id=owner_id)
    insert(town.store, ONE, "fine", owner_id=owner_id, epoch=1)
    house.sweep()
    assert town.row("fine").status == "completed"
    for _ in range(MAX_ADOPTION_FAILURES):
        house.sweep()
    row = town.row("broken")
    assert (row.status, row.owner_id) == ("crashed", None)
    assert row.crash_reason.startswith("ValidationError: Object missing required field")
    assert published.types("broken") == ["execution.crashed"] == town.log("broken")
    house.sweep()
    assert town.row("broken").last_seq == 1


def test_a_database_that_is_away_crashes_no_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    house = town.house("o1", script={"a": 1})
    insert(town.store, ONE, owner_id="o1")
    original = town.store.plan

    def away(plan_hash: str) -> bytes | None:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away")

    monkeypatch.setattr(town.store, "plan", away)
    for _ in range(MAX_ADOPTION_FAILURES + 2):
        house.sweep()
    assert town.row().status == "queued"
    assert house.orchestrator._failures == {}, "it is not the execution that failed"
    monkeypatch.setattr(town.store, "plan", original)
    house.sweep()
    assert town.row().status == "completed"


def test_an_execution_whose_plan_cannot_be_read_is_still_accepted_and_then_ends() -> None:
    """Acknowledged means kept: the row is committed, so the caller hears so."""
    town = Town()
    house = town.house("o1")
    record = record_of(ONE, plan_hash="bad", owner_id=None)
    assert house.orchestrator.insert_and_start([record], b"{}") == [Inserted(id="e1", status="queued")]
    for _ in range(MAX_ADOPTION_FAILURES):
        house.sweep()
    assert town.row().status == "crashed"


# -- dedicated -----------------------------------------------------------------------------------------------------


def test_a_dedicated_orchestrator_claims_nothing_and_drives_its_own() -> None:
    town = Town()
    insert(town.store, ONE, "mine", owner_id="for-mine")
    insert(town.store, ONE, "free", owner_id=None, epoch=0)
    house = town.house("for-mine", script={"a": 1}, only="mine")
    house.sweep()
    house.orchestrator.wake(["free"])
    house.settle()
    assert town.row("mine").status == "completed"
    assert (town.row("free").status, town.row("free").owner_id) == ("queued", None)


def test_a_restarted_dedicated_orchestrator_goes_on_under_its_owner_id() -> None:
    town = Town()
    town.house("for-mine", script={"a": 1, "b": SILENT}, only="e1").start(CHAIN)
    again = town.house("for-mine", script={"b": 2, "c": 3}, only="e1")
    again.sweep()
    assert [(task.instance, task.attempt) for task in again.executor.tasks] == [("b", 2), ("c", 1)]
    assert town.row().status == "completed"


# -- the lease -----------------------------------------------------------------------------------------------------


def test_a_lost_lease_stops_driving_and_says_so() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    journal = ThreadJournal(store)
    lost = threading.Event()
    identity = OwnerIdentity(id="o1", kind="test", generation="g")
    orchestrator = Orchestrator(identity, journal, store, Published(), clock, clock, on_lost=lost.set)
    orchestrator._lease._lease_ms = 30
    orchestrator.run(ScriptedExecutor())
    store.commit([ReleaseOwner(id="o1")])
    assert lost.wait(60)
    assert not orchestrator.driver._thread.is_alive()
    orchestrator.stop()
    journal.close()


def test_an_orchestrator_with_its_threads_runs_and_stops() -> None:
    store = MemoryStore()
    journal = ThreadJournal(store)
    ended = threading.Event()

    def publish(execution_id: str, first_seq: int, events: Any) -> None:
        if ev.event_type(events[-1]) in ev.TERMINAL_EVENTS:
            ended.set()

    clock = Clock()
    identity = OwnerIdentity(id="o1", kind="test", generation="g")
    orchestrator = Orchestrator(identity, journal, store, publish, clock, clock, sweep_s=0.01)
    executor = ScriptedExecutor({"a": 1})
    executor.post = orchestrator.driver.post
    insert(store, ONE, owner_id=None, epoch=0)
    orchestrator.run(executor)
    assert ended.wait(60)
    assert isinstance(store.commit([RenewLease(id="o1", lease_ms=1)])[0], Leased)
    orchestrator.stop()
    journal.close()
    assert store.owners() == []


# -- a part of a plan ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner_id", ["o1", None])
def test_what_is_chosen_before_the_start_holds_whoever_starts_it(owner_id: str | None) -> None:
    """R43: by the owner that it was inserted for, or by one that finds it."""
    town = Town()
    selection = Selection(run_from="b", run_until="b", may_run={"b": True}, given={"a": Outcome(output={"n": 1})})
    record = record_of(CHAIN, owner_id=owner_id, selection=selection_to_json(selection))
    house = town.house(script={"b": 2})
    if owner_id is None:
        town.store.commit([InsertExecution(record=record, plan=plan_to_json(CHAIN))])
        house.orchestrator.sweep()
    else:
        house.orchestrator.insert_and_start([record], plan_to_json(CHAIN))
    house.settle()
    assert house.executor.instances == ["b"]
    assert (town.row().status, town.row().outputs, town.row().selection) == ("completed", {"b": 2}, None)
    assert town.log()[:2] == ["execution.started", "node.reused"]


def test_the_budget_of_a_start_reaches_the_engine() -> None:
    town = Town()
    record = record_of(CHAIN, options={"max_tokens": 5, "max_cost": 0.5})
    house = town.house(script={})
    house.orchestrator.insert_and_start([record], plan_to_json(CHAIN))
    house.settle()
    started = next(event for event in town.store.events.read("e1") if event.type == "execution.started")
    assert started.body["budget"] == {"max_tokens": 5, "max_cost": 0.5}
