"""Parents and children whose owners die at every point: one child per try, each end heard once (R19, R24, R25)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import OnFailure
from flowray.engine.commands import StopChild
from flowray.engine.signals import ChildCall, Signals
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.journal import DirectJournal
from flowray.persistence.records import InboxRecord
from flowray.persistence.writes import InsertInbox
from flowray.plan import ExecutionPlan, PlanRetry
from flowray.runtime.children import CHILD, child_id
from flowray.runtime.orchestrator import MAX_ADOPTION_FAILURES
from tests.engine.plans import PlanMaker
from tests.runtime.harness import SILENT, START_MS, House, Killed, MortalCommitter, expire_leases, failed, succeeded
from tests.runtime.test_orchestrator import Town
from tests.runtime.workflows import definition

CHILD_ID = child_id("e1", "call#1")
INNER = definition(
    {"in": {"type": "input"}, "work": {"type": "http", "config": {"url": "u"}}}, "in -> work", name="Kid"
)
CALL = ChildCall(definition=INNER, inputs={"x": 1})


def calls(call: ChildCall = CALL) -> Any:
    """The reply of a node that calls a workflow."""
    return lambda task: succeeded(task, signals=Signals(child=call))


SCRIPT = {"call": calls(), "in": 1, "work": 42, "after": "done"}
WAITS = {**SCRIPT, "work": SILENT}


def parent(**fields: Any) -> ExecutionPlan:
    """``call``, then ``after``."""
    maker = PlanMaker().node("call", **fields).node("after", reads=["call"], waits_for_commit=True)
    return maker.edge("call -> after").build()


def cancel_stimulus(town: Town, execution_id: str = "e1") -> None:
    row = InboxRecord(id=f"c-{execution_id}", execution_id=execution_id, kind="cancel", dedupe_key="cancel")
    town.store.commit([InsertInbox(record=row)])


def last_house(town: Town, script: Any = SCRIPT, name: str = "last") -> House:
    """Everybody else is dead; this one takes everything over."""
    expire_leases(town.clock)
    house = town.house(name, script)
    house.sweep()
    house.sweep()
    return house


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("at", range(1, 12))
def test_l1_whoever_dies_at_whatever_commit_one_child_runs_and_is_heard_once(at: int, before: bool) -> None:
    """R19, R29."""
    town = Town()
    house = town.house("o1", SCRIPT, journal=DirectJournal(MortalCommitter(town.store, at, before=before)))
    try:
        house.start(parent())
    except Killed:
        last_house(town)
    assert (town.row().status, town.row().outputs) == ("completed", {"after": "done"})
    made = town.store.executions(parent_id="e1").data
    assert [(child.id, child.status) for child in made] == [(CHILD_ID, "completed")]
    assert town.log().count("child.started") == town.log().count("child.ended") == 1
    assert town.log().index("child.started") < town.log().index("child.ended")
    assert town.store.inbox("e1") == []


def test_a_child_that_runs_elsewhere_wakes_the_owner_of_its_parent() -> None:
    town = Town()
    town.house("dead", WAITS).start(parent())
    assert town.row(CHILD_ID).status == "running"
    expire_leases(town.clock)
    parents, childs = town.house("o2", SCRIPT), town.house("o3", SCRIPT)
    parents.orchestrator.wake(["e1"])
    parents.settle()
    childs.orchestrator.wake([CHILD_ID])
    childs.settle()
    assert (town.row().owner_id, town.row(CHILD_ID).status) == ("o2", "completed")
    assert childs.poked == [("actor-o2", ("e1",))]
    assert [row.kind for row in town.store.inbox("e1")] == [CHILD]
    parents.orchestrator.wake(["e1"])
    parents.settle()
    assert town.row().outputs == {"after": "done"}


def test_a_child_that_ended_while_nobody_drove_its_parent() -> None:
    town = Town()
    town.house("dead", WAITS).start(parent())
    expire_leases(town.clock)
    childs = town.house("o3", SCRIPT)
    childs.orchestrator.wake([CHILD_ID])
    childs.settle()
    assert (town.row(CHILD_ID).status, town.row().status) == ("completed", "waiting")
    last_house(town)
    assert town.row().outputs == {"after": "done"}


def test_a_dedicated_orchestrator_runs_the_children_of_its_execution_and_the_pool_takes_them_over() -> None:
    town = Town()
    town.house("execution-e1", WAITS, only="e1").start(parent())
    assert (town.row(CHILD_ID).owner_id, town.row(CHILD_ID).status) == ("execution-e1", "running")
    last_house(town)
    assert (town.row(CHILD_ID).status, town.row().outputs) == ("completed", {"after": "done"})


@pytest.mark.parametrize("hears", [True, False])
def test_r35_a_cancelled_parent_cancels_its_child_although_its_owner_dies_at_once(hears: bool) -> None:
    town = Town()
    committer = MortalCommitter(town.store)
    house = town.house("o1", WAITS, journal=DirectJournal(committer))
    house.start(parent())
    cancel_stimulus(town)
    committer.at = None if hears else committer.appends + 1
    try:
        house.sweep()
    except Killed:
        assert (town.row().status, town.row(CHILD_ID).status) == ("cancelled", "running")
        last_house(town, WAITS)
    assert (town.row().status, town.row(CHILD_ID).status) == ("cancelled", "cancelled")
    assert town.row(CHILD_ID).cancel_reason == "Parent: Cancelled by user"


def test_r22_an_owner_that_has_lost_the_parent_starts_no_child_for_it() -> None:
    town = Town()
    late = town.house("o1", WAITS)
    kept: list[Any] = []
    late.orchestrator._children.work = kept.extend  # type: ignore[method-assign]
    late.start(parent())
    expire_leases(town.clock)
    heir = town.house("o2", WAITS)
    heir.orchestrator.wake(["e1"])
    cancel_stimulus(town)
    heir.sweep()
    assert town.row().status == "cancelled"
    del late.orchestrator._children.work  # type: ignore[attr-defined]
    late.orchestrator._children.work(kept)
    assert town.row(CHILD_ID) is None


def test_r19_a_node_that_times_out_cancels_its_child_and_a_retry_calls_another() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent(timeout_ms=5_000, retry=PlanRetry(max_attempts=2, initial_delay_ms=10)))
    house.tick(5_000)
    assert town.row(CHILD_ID).status == "cancelled"
    house.tick(10)
    second = child_id("e1", "call#2")
    assert town.row(second).status == "running"
    house.tick(5_000)
    assert (town.row(second).status, town.row().status) == ("cancelled", "failed")
    assert town.row().error["code"] == "NODE_TIMEOUT"


def test_the_timeout_of_the_node_outlives_its_owner() -> None:
    """R32."""
    town = Town()
    town.house("o1", WAITS).start(parent(timeout_ms=60_000))
    house = last_house(town, WAITS)
    assert town.row().status == "waiting"
    house.tick(START_MS + 60_000 - town.clock.now)
    assert (town.row().status, town.row(CHILD_ID).status) == ("failed", "cancelled")


def test_r14_the_deadline_of_the_parent_ends_both() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent(), deadline_at=START_MS + 900)
    assert town.row(CHILD_ID).deadline_at == START_MS + 900
    house.tick(900)
    assert (town.row().status, town.row(CHILD_ID).status) == ("timed_out", "timed_out")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (failed, "failed"),
        (lambda task: succeeded(task, "last word", signals=Signals(finish=True)), "completed"),
    ],
)
def test_r9_r10_whatever_ends_the_parent_cancels_its_child(answer: Any, status: str) -> None:
    maker = PlanMaker(on_failure=OnFailure.CANCEL_RUNNING).node("call").node("other")
    town = Town()
    house = town.house("o1", {**WAITS, "other": SILENT})
    house.start(maker.build())
    assert town.row(CHILD_ID).status == "running"
    other = next(task for task in house.executor.tasks if task.node_id == "other")
    house.orchestrator.driver.post("e1", answer(other))
    house.settle()
    assert (town.row().status, town.row(CHILD_ID).status) == (status, "cancelled")


def test_r10_with_run_independent_the_child_runs_on() -> None:
    town = Town()
    house = town.house("o1", {**WAITS, "other": failed})
    house.start(PlanMaker().node("call").node("other").build())
    assert (town.row().status, town.row(CHILD_ID).status) == ("waiting", "running")
    work = next(task for task in house.executor.tasks if task.node_id == "work")
    house.orchestrator.driver.post(CHILD_ID, succeeded(work, 42))
    house.settle()
    assert (town.row().status, town.row(CHILD_ID).status) == ("failed", "completed")


@pytest.mark.parametrize("broken", ["e1", CHILD_ID])
def test_r28_a_crash_is_heard_by_the_parent_and_ends_the_child(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    town.house("o1", WAITS).start(parent())
    read_raw = town.store.events.read_raw

    def unreadable(execution_id: str, after: int = 0) -> Any:
        return [b"[{}]"] if execution_id == broken else read_raw(execution_id, after)

    monkeypatch.setattr(town.store.events, "read_raw", unreadable)
    house = last_house(town, WAITS)
    for _ in range(MAX_ADOPTION_FAILURES):
        house.sweep()
    if broken == "e1":
        assert (town.row().status, town.row(CHILD_ID).status) == ("crashed", "cancelled")
    else:
        assert (town.row().status, town.row(CHILD_ID).status) == ("failed", "crashed")
        assert town.row().error["code"] == "EXECUTION_CRASHED"


def test_r28_a_parent_that_the_engine_refuses_takes_its_child_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent())
    live = house.orchestrator.driver._live["e1"]
    monkeypatch.setattr(live, "index", None)
    cancel_stimulus(town)
    house.sweep()
    assert (town.row().status, town.row(CHILD_ID).status) == ("crashed", "cancelled")


def test_a_database_that_is_away_delays_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    house = town.house("o1", SCRIPT)
    house.orchestrator._children._retry_s = 0
    original, failures = town.store.descendants, [FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)]

    def descendants(root_id: str) -> int:
        if failures:
            raise failures.pop()
        return original(root_id)

    monkeypatch.setattr(town.store, "descendants", descendants)
    house.start(parent())
    assert (failures, town.row().status) == ([], "completed")


def test_a_child_that_fails_for_good_fails_its_parent_and_a_bug_in_starting_does_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    house = town.house("o1", {**SCRIPT, "work": failed})
    house.start(parent())
    assert (town.row().status, town.row().error["details"]["child"]) == ("failed", CHILD_ID)
    monkeypatch.setattr(town.store, "descendants", lambda root_id: 1 / 0)
    house.start(parent(), "e2")
    monkeypatch.undo()
    assert (
        town.row("e2").error["message"] == "The sub-workflow could not be started: ZeroDivisionError: division by zero"
    )


def test_a_child_that_a_person_has_cancelled_keeps_that_persons_reason() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent())
    row = InboxRecord(id="by-ann", execution_id=CHILD_ID, kind="cancel", data={"reason": "no"}, dedupe_key="cancel")
    town.store.commit([InsertInbox(record=row)])
    house.orchestrator.child_starter.stop(town.row(), StopChild("call", "call#1", "late"))
    house.sweep()
    assert (town.row(CHILD_ID).cancel_reason, town.row().status) == ("no", "failed")
    assert town.row().error["code"] == "EXECUTION_CANCELLED"
