"""Sub-workflows that are called by an idempotency key: one child for all, that ends with none of its callers (R19)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from flowray.engine.commands import StartChild
from flowray.engine.signals import ChildCall, Signals
from flowray.errors import ErrorCode
from flowray.persistence.idempotency import KEY_LIFE_MS
from flowray.persistence.journal import DirectJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.queues.admission import EVERYTHING
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents, InsertExecution, InsertInbox
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.plan import ExecutionPlan, PlanRetry
from flowray.runtime.redriving import redrive_write
from flowray.runtime.shared_calls import request_hash, shared_key
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, to_wire
from tests.engine.plans import PlanMaker
from tests.persistence.samples import owned
from tests.runtime.harness import SILENT, START_MS, House, Killed, expire_leases, failed, succeeded
from tests.runtime.test_orchestrator import Town
from tests.runtime.workflows import definition

INNER = definition(
    {"in": {"type": "input"}, "work": {"type": "http", "config": {"url": "u"}}}, "in -> work", name="Kid"
)
CALL = ChildCall(definition=INNER, inputs={"x": 1}, idempotency_key="k")


def calls(call: ChildCall = CALL) -> Any:
    """The reply of a node that calls a workflow."""
    return lambda task: succeeded(task, signals=Signals(child=call))


SCRIPT = {"call": calls(), "in": 1, "work": 42, "after": lambda task: succeeded(task, task.outputs["call"])}
WAITS = {**SCRIPT, "work": SILENT}


def parent(**fields: Any) -> ExecutionPlan:
    """``call``, then ``after``, which says what came of it."""
    maker = PlanMaker().node("call", **fields).node("after", reads=["call"], waits_for_commit=True)
    return maker.edge("call -> after").build()


def kids(town: Town) -> list[ExecutionRecord]:
    """The shared children, oldest first."""
    found = [*town.store.executions(parent_id="e1").data, *town.store.executions(parent_id="e2").data]
    return sorted(found, key=lambda record: (record.created_at, record.id))


def answer(house: House, output: Any = 42) -> None:
    """The work of the child that runs here is done."""
    task = next(task for task in reversed(house.executor.tasks) if task.node_id == "work")
    house.orchestrator.driver.post(task.execution_id, succeeded(task, output))
    house.settle()


def cancel(town: Town, house: House, execution_id: str) -> None:
    row = InboxRecord(id=f"c-{execution_id}", execution_id=execution_id, kind="cancel", dedupe_key="cancel")
    town.store.commit([InsertInbox(record=row)])
    house.sweep()


def outcome(town: Town, *execution_ids: str) -> list[tuple[str, Any]]:
    return [(town.row(its_id).status, town.row(its_id).outputs) for its_id in execution_ids]


DONE = ("completed", {"after": {"work": 42}})


class Mortal:
    """Dies at the ``at``-th commit of anything but leases, ``before`` or after writing it."""

    def __init__(self, store: MemoryStore, at: int, before: bool) -> None:
        self.store, self.at, self.before, self.count = store, at, before, 0

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        self.count += any(isinstance(write, AppendEvents | InsertExecution | InsertInbox) for write in writes) or any(
            type(write).__name__ == "JoinChild" for write in writes
        )
        if self.count == self.at and self.before:
            raise Killed
        results = self.store.commit(writes)
        if self.count == self.at:
            raise Killed
        return results


def test_s06_two_parents_wait_for_one_child_and_both_go_on_with_its_outputs() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent(), "e1", "e2")
    (kid,) = kids(town)
    assert (kid.parent_id, kid.parent_key, kid.root_id, kid.depth) == ("e1", None, None, 1)
    assert (kid.idempotency_key, kid.request_hash) == (shared_key(CALL), request_hash(CALL))
    assert kid.idempotency_expires_at == kid.created_at + KEY_LIFE_MS
    assert [waiting["child_id"] for its_id in ("e1", "e2") for waiting in town.row(its_id).waiting_for] == [kid.id] * 2
    answer(house)
    assert outcome(town, "e1", "e2") == [DONE, DONE]
    for its_id in ("e1", "e2"):
        log = town.log(its_id)
        assert log.count("child.started") == log.count("child.ended") == 1
        assert town.store.inbox(its_id) == []


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("at", range(1, 22))
def test_s06_whoever_dies_at_whatever_commit_one_child_runs_and_both_hear_of_it(at: int, before: bool) -> None:
    town = Town()
    house = town.house("o1", SCRIPT, journal=DirectJournal(Mortal(town.store, at, before)))
    try:
        house.start(parent(), "e1")
        house.start(parent(), "e2")
    except Killed:
        expire_leases(town.clock)
        heir = town.house("o2", SCRIPT)
        heir.sweep()
        for its_id in ("e1", "e2"):
            if town.row(its_id) is None:
                heir.start(parent(), its_id)
        heir.sweep()
    assert outcome(town, "e1", "e2") == [DONE, DONE]
    (kid,) = kids(town)
    assert town.log(kid.id).count("execution.completed") == 1
    for its_id in ("e1", "e2"):
        assert town.log(its_id).count("child.ended") == 1
        assert town.store.inbox(its_id) == []


def test_a_caller_elsewhere_is_woken_by_the_end() -> None:
    town = Town()
    first, second = town.house("o1", WAITS), town.house("o2", WAITS)
    first.start(parent(), "e1")
    second.start(parent(), "e2")
    answer(first)
    assert first.poked == [("actor-o2", ("e2",))]
    second.orchestrator.wake(["e2"])
    second.settle()
    assert outcome(town, "e1", "e2") == [DONE, DONE]


def test_who_calls_after_the_end_gets_the_same_outputs() -> None:
    town = Town()
    house = town.house("o1", SCRIPT)
    house.start(parent(), "e1")
    house.start(parent(), "e2")
    assert outcome(town, "e1", "e2") == [DONE, DONE]
    assert len(kids(town)) == 1


def test_the_end_of_one_caller_is_not_that_of_the_child() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent(), "e1", "e2")
    cancel(town, house, "e1")
    (kid,) = kids(town)
    assert (town.row("e1").status, kid.status) == ("cancelled", "running")
    answer(house)
    assert outcome(town, "e2") == [DONE]
    assert town.store.inbox("e1") == []


def test_r14_no_callers_time_is_that_of_the_child_and_a_retry_waits_for_the_same() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    plan = parent(timeout_ms=5_000, retry=PlanRetry(max_attempts=2, initial_delay_ms=10))
    house.start(plan, "e1", deadline_at=START_MS + 60_000)
    house.tick(5_000)
    house.tick(10)
    (kid,) = kids(town)
    assert (kid.deadline_at, kid.status, town.row("e1").status) == (None, "running", "waiting")
    answer(house)
    assert outcome(town, "e1") == [DONE]
    assert town.log("e1").count("child.started") == 2


def test_a_failure_is_that_of_all_who_wait_and_who_calls_then_begins_anew() -> None:
    town = Town()
    house = town.house("o1", {**SCRIPT, "work": SILENT})
    house.start(parent(), "e1", "e2")
    task = next(task for task in house.executor.tasks if task.node_id == "work")
    house.orchestrator.driver.post(task.execution_id, failed(task, "HTTP_ERROR"))
    house.settle()
    assert [town.row(its_id).error["code"] for its_id in ("e1", "e2")] == ["HTTP_ERROR"] * 2
    house.start(parent(), "e3")
    answer(house)
    assert outcome(town, "e3") == [DONE]
    assert [kid.status for kid in town.store.executions(parent_id="e3").data] == ["completed"]


def test_calls_of_one_key_must_ask_for_the_same() -> None:
    town = Town()
    town.house("o1", WAITS).start(parent(), "e1")
    other = calls(msgspec.structs.replace(CALL, inputs={"x": 2}))
    town.house("o2", {**WAITS, "call": other}).start(parent(), "e2")
    error = town.row("e2").error
    assert error["code"] == ErrorCode.IDEMPOTENCY_MISMATCH.value
    assert error["details"] == {"execution_id": kids(town)[0].id}


def test_keys_are_those_of_one_workflow() -> None:
    other = msgspec.structs.replace(CALL, definition={**INNER, "name": "Other"})
    stored = ChildCall(workflow_id="w", idempotency_key="k")
    assert len({shared_key(call) for call in (CALL, other, stored)}) == 3


def test_who_would_wait_for_itself_is_told_so() -> None:
    """A child that calls its own caller under the key of that one, by way of another."""
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent(), "e1")
    (kid,) = kids(town)
    command = StartChild("again", "again#1", CALL)
    house.orchestrator.child_starter.start([(kid, command)])
    grandchild = owned("g1", parent_id=kid.id, parent_key="x#1", owner_id="o1", request_hash=None)
    town.store.commit([grandchild])
    house.orchestrator.child_starter.start([(grandchild.record, command)])
    assert town.store.shared_children.callers(kid.id) == ["e1"]


def test_large_inputs_are_refused_for_they_are_the_callers() -> None:
    town = Town()
    large = to_wire(StoredValue("p1", INLINE_LIMIT_BYTES + 1))
    house = town.house("o1", {**WAITS, "call": calls(msgspec.structs.replace(CALL, inputs={"x": large}))})
    house.start(parent(), "e1")
    assert town.row("e1").error["code"] == ErrorCode.INVALID_INPUT.value
    assert kids(town) == []


def test_r13_a_shared_child_needs_no_slot_of_its_own() -> None:
    """Its callers hold all there are and wait for it."""
    town = Town()
    town.store.commit([ConfigureQueue(name=EVERYTHING, changes={"max_concurrent": 2}, ts=1)])
    house = town.house("o1", SCRIPT)
    house.start(parent(), "e1", "e2")
    assert outcome(town, "e1", "e2") == [DONE, DONE]


def test_a_shared_child_that_cannot_be_driven_on_fails_its_callers() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent(), "e1", "e2")
    (kid,) = kids(town)
    driver = house.orchestrator.driver
    driver._crash(driver._live[kid.id], RuntimeError("broken"))
    house.settle()
    assert town.row(kid.id).status == "crashed"
    assert [town.row(its_id).error["code"] for its_id in ("e1", "e2")] == ["EXECUTION_CRASHED"] * 2


def test_a_caller_that_crashed_lets_the_child_go_on_and_hears_of_its_end_once_redriven() -> None:
    town = Town()
    house = town.house("o1", WAITS)
    house.start(parent(), "e1", "e2")
    driver = house.orchestrator.driver
    driver._crash(driver._live["e1"], RuntimeError("broken"))
    house.settle()
    assert [town.row("e1").status, kids(town)[0].status] == ["crashed", "running"]
    answer(house)
    assert outcome(town, "e2") == [DONE]
    town.store.commit([redrive_write(town.row("e1"), town.clock.now, by="ann")])
    house.sweep()
    assert outcome(town, "e1") == [DONE]
    assert len(kids(town)) == 1
