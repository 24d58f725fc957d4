"""The driver: group commit, output commit (L1), fencing, timers, inbox, crashes of one that leave the others alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.plan_index import PlanIndex
from flowray.engine.state import ExecutionState
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.persistence.journal import DirectJournal, ThreadJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents, ClaimExecutions, Refused, RegisterOwner
from flowray.plan import ExecutionPlan, PlanRetry
from flowray.runtime.driver import Driver
from flowray.runtime.live import LiveExecution
from flowray.values import StoredValue
from tests.engine.plans import PlanMaker
from tests.runtime.harness import (
    OWNER,
    SILENT,
    START_MS,
    Clock,
    Desk,
    Published,
    ScriptedExecutor,
    attach,
    cancel_row,
    failed,
    live_of,
    request_cancel,
    settle,
    sleeping,
    succeeded,
)
from tests.runtime.workflows import compiled

ONE = PlanMaker().node("a").build()
CHAIN = PlanMaker().chain("a", "b", "c").build()
EFFECTS = PlanMaker().chain("a", "b", "c", waits_for_commit=True).build()


def test_an_execution_runs_to_its_end() -> None:
    desk = Desk({"a": 1, "b": 2, "c": 3})
    desk.start(CHAIN)
    assert desk.row().status == "completed"
    assert desk.row().outputs == {"c": 3}
    assert desk.executor.instances == ["a", "b", "c"]
    assert desk.published.types() == desk.log()
    assert desk.published.gaps == []
    assert desk.driver.owned() == []
    assert desk.executor.dropped == ["e1"]


def test_l1_nothing_leaves_before_its_commit_is_durable() -> None:
    """R24: at every outward act all that led to it is committed."""
    desk = Desk(held=True)
    desk.start(EFFECTS)
    assert desk.published.types() == []
    assert desk.executor.tasks == []
    desk.ack()
    assert desk.executor.instances == ["a"]
    assert desk.published.types()[-1] == "node.started"
    desk.answer("a")
    assert desk.executor.instances == ["a"]
    assert "node.completed" not in desk.published.types()
    desk.ack()
    assert desk.executor.instances == ["a", "b"]
    assert desk.published.types() == desk.log()
    for node in ("b", "c"):
        desk.answer(node)
        desk.ack()
    assert desk.published.types()[-1] == "execution.completed"
    assert desk.published.gaps == []


def test_r23_pure_nodes_do_not_wait_for_the_journal() -> None:
    desk = Desk({"a": 1, "b": 2, "c": 3}, held=True)
    desk.start(CHAIN)
    assert desk.executor.instances == ["a", "b", "c"]
    assert desk.published.types() == []
    assert len(desk.journal.held) == 1
    desk.ack()
    desk.ack()
    assert desk.journal.held == []
    assert desk.row().status == "completed"


def test_many_executions_share_a_commit() -> None:
    """R26: all that happened in one turn is one submission."""
    desk = Desk(held=True)
    for number in range(50):
        live = live_of(desk.store, CHAIN, f"e{number}")
        desk.driver.own(live, st.Start(ts=START_MS))
    desk.settle()
    assert len(desk.journal.held) == 1
    assert len(desk.journal.ack()) == 50
    desk.settle()
    desk.driver.post_many([(f"e{number}", succeeded(desk.task("a", f"e{number}"))) for number in range(50)])
    desk.settle()
    (writes,) = [writes for writes, _ in desk.journal.held]
    assert {write.execution_id for write in writes} == {f"e{number}" for number in range(50)}


def test_r22_a_fenced_execution_is_dropped_and_the_others_go_on() -> None:
    desk = Desk({"a": SILENT, "b": 1, "c": 2})
    desk.start(CHAIN, "e1")
    desk.start(CHAIN, "e2")
    clock_owner = RegisterOwner(id="other", kind="test", generation="g", lease_ms=10**10)
    desk.clock.now += 10**9 + 1
    desk.store.commit([clock_owner, ClaimExecutions(owner_id="other", ids=("e1",))])
    for execution_id in ("e1", "e2"):
        desk.driver.post(execution_id, succeeded(desk.task("a", execution_id)))
    desk.settle()
    assert desk.row("e1").owner_id == "other"
    assert desk.log("e1")[-1] == "node.started"
    assert "e1" in desk.executor.dropped
    assert desk.row("e2").status == "completed"
    assert desk.driver.owned() == []


def test_r36_caches_hear_of_values_that_nobody_reads_any_more_once_that_is_durable() -> None:
    desk = Desk({"a": SILENT, "b": SILENT})
    desk.start(PlanMaker().node("a").node("b", reads=["a"]).edge("a -> b").build())
    desk.driver.post("e1", succeeded(desk.task("a"), StoredValue("large", 99_999)))
    desk.settle()
    assert desk.executor.pruned == []
    desk.driver.post("e1", succeeded(desk.task("b")))
    desk.settle()
    assert desk.executor.pruned == ["large"]


def test_results_for_executions_that_are_not_driven_here_are_dropped() -> None:
    desk = Desk()
    desk.driver.post("nobody", st.AttemptSucceeded(ts=1, instance="a", attempt=1))
    desk.driver.deliver_inbox("nobody", [cancel_row("nobody")])
    desk.settle()
    assert desk.driver.owned() == []


def test_an_execution_that_the_engine_cannot_drive_ends_crashed_and_the_others_go_on() -> None:
    """R28: visible, with its reason, after what was committed."""
    desk = Desk({"b": 1, "c": 2, "a": SILENT})
    broken = desk.start(CHAIN, "e1")
    desk.start(CHAIN, "e2")
    broken.index.nodes.pop("b")
    for execution_id in ("e1", "e2"):
        desk.driver.post(execution_id, succeeded(desk.task("a", execution_id)))
    desk.settle()
    row = desk.row("e1")
    assert (row.status, row.crash_reason, row.owner_id) == ("crashed", "KeyError: 'b'", None)
    assert desk.log("e1")[-2:] == ["node.started", "execution.crashed"]
    assert desk.published.types("e1") == desk.log("e1")
    assert desk.row("e2").status == "completed"
    assert desk.driver.owned() == []
    assert desk.published.gaps == []


def test_a_crash_waits_for_the_commit_in_flight() -> None:
    """R22: with the last seq of before, it would fence itself and never be seen."""
    desk = Desk(held=True)
    broken = desk.start(CHAIN)
    broken.index.nodes.pop("b")
    desk.answer("a")
    assert len(desk.journal.held) == 1
    desk.ack()
    assert desk.row().status == "running"
    desk.ack()
    assert desk.row().status == "crashed"
    assert desk.published.types() == desk.log()


def test_events_that_cannot_be_written_crash_their_execution_only() -> None:
    desk = Desk({"a": SILENT, "b": 1, "c": 2})
    broken = desk.start(CHAIN, "e1")
    desk.start(CHAIN, "e2")
    broken.state.usage = None  # type: ignore[assignment]
    for execution_id in ("e1", "e2"):
        desk.driver.post(execution_id, succeeded(desk.task("a", execution_id)))
    desk.settle()
    assert desk.row("e1").status == "crashed"
    assert "NoneType" in str(desk.row("e1").crash_reason)
    assert desk.row("e2").status == "completed"


class Refusing(DirectJournal):
    """Refuses whatever completes."""

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        return [self._one(write) for write in writes]

    def _one(self, write: AnyWrite) -> AnyResult:
        if isinstance(write, AppendEvents) and b"node.completed" in write.events:
            return Refused(code="INTERNAL", detail="no such column")
        return super().commit([write])[0]


def test_what_the_store_refuses_ends_as_crashed_not_as_lost_to_another_owner() -> None:
    desk = Desk({"a": 1})
    desk.driver._journal = Refusing(desk.store)
    desk.start(ONE)
    row = desk.row()
    assert (row.status, row.crash_reason) == (
        "crashed", "FlowrayError: INTERNAL: the store refused its events: no such column",
    )  # fmt: skip


def test_a_publisher_that_fails_stops_nobody() -> None:
    desk = Desk({"a": 1})

    def broken(execution_id: str, first: int, events: Sequence[ev.AnyEvent]) -> None:
        raise OSError("nobody there")

    desk.driver._publish = broken
    desk.start(ONE, "e1")
    desk.start(ONE, "e2")
    assert (desk.row("e1").status, desk.row("e2").status) == ("completed", "completed")


def test_a_journal_that_gives_up_leaves_executions_to_the_sweep() -> None:
    desk = Desk(held=True)
    desk.start(CHAIN)
    desk.journal.fail(FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "gone"))
    desk.settle()
    assert desk.driver.owned() == []
    assert desk.executor.dropped == ["e1"]
    assert desk.log() == []
    assert desk.row().owner_id == OWNER


def test_r23_late_results_of_a_former_taking_up_do_not_count() -> None:
    """``b`` ran ahead on a result of ``a`` that was never written; taken up again, both run again as attempt 1."""
    desk = Desk(held=True)
    desk.start(CHAIN)
    desk.answer("a", "lost", incarnation=desk.task("a").incarnation)
    late = succeeded(desk.task("b"), "from lost", incarnation=desk.task("b").incarnation)
    desk.journal.fail(FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "gone"))
    desk.settle()
    again = LiveExecution(desk.row(), PlanIndex(CHAIN), ExecutionState(), 1)
    desk.driver.own(again, st.Start(ts=desk.clock.now))
    desk.settle()
    desk.answer("a", "kept", incarnation=desk.task("a").incarnation)
    assert (desk.task("b").attempt, late.attempt) == (1, 1)
    desk.driver.post("e1", late)
    desk.settle()
    assert [task.instance for task in desk.executor.tasks] == ["a", "b", "a", "b"]
    desk.answer("b", "from kept", incarnation=desk.task("b").incarnation)
    completed = [event.output for event in again.pending if isinstance(event, ev.NodeCompleted)]
    assert completed == ["kept", "from kept"]


def test_a_closed_journal_leaves_executions_to_the_sweep() -> None:
    desk = Desk()
    journal = ThreadJournal(desk.store)
    journal.close()
    desk.driver._journal = journal
    desk.start(CHAIN)
    assert desk.driver.owned() == []
    assert desk.row().owner_id == OWNER


# -- time ----------------------------------------------------------------------------------------------------------


def test_timers_fire_when_due_and_the_execution_waits_meanwhile() -> None:
    """R20, R32."""
    desk = Desk({"a": lambda task: sleeping(task, START_MS + 5_000, "slept")})
    desk.start(ONE)
    assert desk.row().status == "waiting"
    assert desk.row().waiting_for[0]["expires_at"] == START_MS + 5_000
    desk.tick(4_999)
    assert desk.row().status == "waiting"
    desk.tick(1)
    assert desk.row().status == "completed"
    assert desk.row().outputs == {"a": "slept"}
    assert desk.row().waiting_for == ()


def test_a_timer_starts_only_after_its_event_is_durable() -> None:
    """R24."""
    desk = Desk({"a": lambda task: sleeping(task, START_MS + 10)}, held=True)
    desk.start(ONE)
    desk.ack()
    assert len(desk.journal.held) == 1
    desk.tick(1_000)
    assert len(desk.journal.held) == 1
    desk.ack()
    desk.ack()
    assert desk.row().status == "completed"


def test_retries_come_after_their_delay_with_a_new_key() -> None:
    """R31."""
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=2, initial_delay_ms=100, codes=("E",))).build()
    desk = Desk({"a": lambda task: failed(task, "E") if task.tries == 1 else succeeded(task, "ok")})
    desk.start(plan)
    assert desk.executor.instances == ["a"]
    desk.tick(100)
    assert [(task.attempt, task.tries, task.idempotency_key) for task in desk.executor.tasks] == [
        (1, 1, "e1:a:1"),
        (2, 2, "e1:a:2"),
    ]
    assert desk.row().outputs == {"a": "ok"}


def test_a_lane_that_never_answers_is_given_up_after_its_timeout() -> None:
    """R14: the orchestrator backstops the lane."""
    desk = Desk({"a": SILENT})
    desk.start(PlanMaker().node("a", timeout_ms=1_000).build())
    desk.driver.post("e1", st.AttemptStarted(ts=START_MS, instance="a", attempt=1))
    desk.settle()
    desk.tick(6_000)
    assert desk.row().status == "failed"
    assert desk.row().error is not None
    assert desk.row().error["code"] == "NODE_TIMEOUT"
    assert desk.executor.stopped == [("e1", "a", 1)]


# -- the inbox -----------------------------------------------------------------------------------------------------


def deliver(desk: Desk, execution_id: str = "e1") -> None:
    desk.driver.deliver_inbox(execution_id, desk.store.inbox(execution_id))
    desk.settle()


def test_a_cancellation_stops_what_runs_and_is_consumed_once() -> None:
    """R25."""
    desk = Desk({"a": SILENT})
    desk.start(CHAIN)
    request_cancel(desk.store)
    rows = desk.store.inbox("e1")
    desk.driver.deliver_inbox("e1", rows)
    desk.driver.deliver_inbox("e1", rows)
    desk.settle()
    assert desk.row().status == "cancelled"
    assert desk.row().cancel_reason == "Cancelled by user"
    assert desk.executor.stopped == [("e1", "a", 1)]
    assert desk.log().count("execution.cancelling") == 1
    assert desk.store.inbox("e1") == []
    desk.driver.post("e1", succeeded(desk.task("a")))
    desk.settle()
    assert desk.log()[-1] == "execution.cancelled"


def test_reason_and_author_of_a_cancellation_are_kept() -> None:
    desk = Desk({"a": SILENT})
    desk.start(ONE)
    desk.driver.deliver_inbox("e1", [cancel_row(data={"reason": "too dear"}, by="ann")])
    desk.settle()
    assert desk.row().cancel_reason == "too dear"
    cancelling = next(event for event in desk.published.by_id["e1"] if isinstance(event, ev.ExecutionCancelling))
    assert cancelling.by == "ann"


def test_r35_a_completion_that_finds_an_unconsumed_cancellation_becomes_cancelled() -> None:
    desk = Desk(held=True)
    desk.start(ONE)
    desk.ack()
    desk.answer("a", 5)
    request_cancel(desk.store)  # after the decision, before its commit
    desk.ack()
    desk.ack()
    assert desk.row().status == "cancelled"
    assert desk.row().outputs == {"a": 5}
    assert desk.log()[-2:] == ["execution.cancelling", "execution.cancelled"]
    assert "node.completed" in desk.log()
    assert desk.published.types() == desk.log()
    assert desk.store.inbox("e1") == []
    assert desk.driver.owned() == []


def test_a_retraction_that_cannot_read_the_log_leaves_the_execution_to_the_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(held=True)
    desk.start(ONE)
    desk.ack()
    desk.answer("a", 5)
    request_cancel(desk.store)

    def away(*_: Any) -> list[bytes]:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away")

    monkeypatch.setattr(desk.store.events, "read_raw", away)
    desk.ack()
    assert desk.driver.owned() == []
    assert desk.row().owner_id == OWNER


# -- the lease -----------------------------------------------------------------------------------------------------


def test_r23_past_its_lease_an_owner_dispatches_nothing_and_goes_on_if_the_lease_holds() -> None:
    desk = Desk({"a": 1, "b": 2, "c": 3})
    desk.trusted = False
    desk.start(EFFECTS)
    assert desk.executor.tasks == []
    assert desk.log()[-1] == "node.started"
    desk.trusted = True
    desk.settle()
    assert desk.row().status == "completed"


def test_what_is_held_back_is_forgotten_with_its_execution_or_attempt() -> None:
    desk = Desk()
    desk.trusted = False
    desk.start(EFFECTS, "e1")
    desk.start(EFFECTS, "e2")
    desk.driver.deliver_inbox("e1", [cancel_row("e1")])
    desk.settle()
    desk.trusted = True
    desk.settle()
    assert [task.execution_id for task in desk.executor.tasks] == ["e2"]


def test_r35_what_was_held_back_does_not_start_after_its_cancellation_was_decided() -> None:
    """The word to stop it waits for the commit of the cancellation; its effect must not start in the meantime."""
    desk = Desk(held=True)
    desk.trusted = False
    desk.start(EFFECTS)
    desk.ack()
    desk.driver.deliver_inbox("e1", [cancel_row("e1")])
    desk.settle()
    desk.trusted = True
    desk.settle()
    assert desk.executor.tasks == []
    desk.ack()
    assert desk.executor.tasks == []
    assert desk.row().status == "cancelled"


def test_a_higher_epoch_replaces_what_is_driven_a_lower_one_does_not() -> None:
    desk = Desk({"a": SILENT})
    first = desk.start(CHAIN)
    record = desk.row()
    older = LiveExecution(record, first.index, first.state, first.epoch)
    desk.driver.own(older, st.Recovered(ts=START_MS, epoch=1))
    desk.settle()
    assert desk.executor.instances == ["a"]
    newer = LiveExecution(record, first.index, first.state, 2)
    desk.driver.own(newer, st.Recovered(ts=START_MS, epoch=2))
    desk.settle()
    assert desk.executor.dropped[0] == "e1"
    assert desk.executor.instances[:2] == ["a", "a"]


# -- the thread ----------------------------------------------------------------------------------------------------


class Waiting(Published):
    """Lets a test wait for the end of some executions."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected
        self.ended = threading.Event()

    def __call__(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        super().__call__(execution_id, first_seq, events)
        self.expected -= ev.event_type(events[-1]) in ev.TERMINAL_EVENTS
        if not self.expected:
            self.ended.set()


def test_the_thread_drives_many_executions_over_a_real_journal(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    store = MemoryStore()
    journal = ThreadJournal(store)
    published = Waiting(200)
    clock = Clock()
    driver = Driver(journal, store, published, clock)
    executor = ScriptedExecutor({"a": 1, "b": 2, "c": 3})
    executor.post = driver.post
    driver.start(executor)
    for number in range(200):
        driver.own(live_of(store, EFFECTS, f"e{number}"), st.Start(ts=START_MS))
    assert published.ended.wait(20)
    driver.stop()
    driver.stop()
    journal.close()
    assert {record.status for record in store.executions(limit=500).data} == {"completed"}
    assert published.gaps == []
    assert journal.statistics().groups < 600
    assert set(executor.effects.values()) == {1}
    assert not caplog.records


def test_a_message_that_fails_takes_no_other_with_it() -> None:
    desk = Desk({"a": 1})
    desk.driver._messages.put((lambda: 1 / 0, ()))
    desk.start(ONE)
    assert desk.row().status == "completed"


def plan_with_loop() -> ExecutionPlan:
    maker = PlanMaker().loop("L").node("x", scope="L", waits_for_commit=True).node("after", reads=["L"])
    return maker.edge("L -> after").build()


def test_loops_ask_their_sentinel_and_run_each_item_as_an_effect_of_its_own() -> None:
    """R15."""
    items = {"items": ["p", "q"]}

    def loop(task: NodeTask) -> Any:
        assert task.sentinel == "open"
        return succeeded(task, items)

    desk = Desk({"L": loop, "x": lambda task: succeeded(task, task.loop["item"] * 2), "after": 1})  # type: ignore[index]
    desk.start(plan_with_loop())
    assert desk.task("after").outputs == {"L": ["pp", "qq"]}
    assert [task.idempotency_key for task in desk.executor.tasks if task.node_id == "x"] == [
        "e1:L[0]/x:1",
        "e1:L[1]/x:1",
    ]
    assert desk.row().status == "completed"


def test_a_driver_without_threads_needs_no_start() -> None:
    store = MemoryStore()
    driver = Driver(DirectJournal(store), store, Published(), Clock())
    attach(driver, ScriptedExecutor())
    settle(driver, Clock())
    driver.stop()


def test_r21_a_chain_that_only_computes_is_one_commit() -> None:
    """R23: all of it may run ahead of the commit; a lane would have made a commit or two of each node."""
    desk = Desk({})
    nodes = [f"n{number}" for number in range(50)]

    def compute(task: NodeTask) -> list[st.AnyStimulus]:
        return [st.AttemptStarted(ts=START_MS, instance=task.instance, attempt=1), succeeded(task, task.node_id)]

    desk.executor.compute = compute  # type: ignore[method-assign, assignment]
    commits: list[int] = []
    submit = desk.journal.submit
    desk.journal.submit = lambda writes, then: (commits.append(len(writes)), submit(writes, then))[1]  # type: ignore[method-assign, assignment]
    edges = [f"{before} -> {after}" for before, after in pairwise(nodes)]
    desk.start(compiled({name: {"type": "input"} for name in nodes}, *edges))
    assert desk.row().status == "completed"
    assert desk.executor.tasks == []
    assert len(commits) == 1
    assert desk.log().count("node.completed") == 50
