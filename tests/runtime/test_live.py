"""One execution in hand: commits, what may run ahead of them, endings that are refused (R22 to R26, R35)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.engine.commands import EndExecution, StartTimer, StopNode
from flowray.engine.events import decode_events, event_type
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.signals import VariableOperation
from flowray.engine.state import ExecutionState
from flowray.handlers.node_task import NodeTask
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import AppendEvents, Done, Fenced, Pending
from flowray.plan import ExecutionPlan
from flowray.runtime.live import PROGRESS_EVERY_MS, Action, LiveExecution
from tests.engine.plans import PlanMaker
from tests.runtime.harness import START_MS, Clock, insert, live_of, record_of, request_cancel


def live(plan: ExecutionPlan) -> LiveExecution:
    return LiveExecution(record_of(plan), PlanIndex(plan), ExecutionState(), 1)


def start(execution: LiveExecution, ts: int = START_MS) -> list[Action]:
    return execution.take(st.Start(ts=ts, inputs={}))


def done(instance: str, output: Any = None, attempt: int = 1, **fields: Any) -> st.AttemptSucceeded:
    return st.AttemptSucceeded(ts=START_MS, instance=instance, attempt=attempt, output=output, **fields)


def instances(actions: list[Action]) -> list[str]:
    return [action.instance for action in actions if isinstance(action, NodeTask)]


def types_of(write: AppendEvents) -> list[str]:
    return [event_type(event) for event in decode_events(write.events)]


def commit(execution: LiveExecution) -> AppendEvents:
    write = execution.next_commit(START_MS)
    assert write is not None
    return write


ONE_NODE = PlanMaker().node("a").build()
CHAIN = PlanMaker().chain("a", "b").build()
EFFECT = PlanMaker().node("a").node("b", waits_for_commit=True).edge("a -> b").build()


def test_commits_are_prefix_closed_and_one_is_in_flight() -> None:
    """R24, R26."""
    execution = live(CHAIN)
    start(execution)
    first = commit(execution)
    assert (first.expected_seq, first.last_seq) == (0, 3)
    assert types_of(first) == ["execution.started", "node.ready", "node.started"]
    execution.take(done("a"))
    assert execution.next_commit(START_MS) is None
    assert execution.committed()[0] == 1
    second = commit(execution)
    assert (second.expected_seq, second.last_seq) == (3, 6)
    assert types_of(second) == ["node.completed", "node.ready", "node.started"]
    assert execution.next_seq == 7
    assert execution.committed()[0] == 4
    assert execution.next_commit(START_MS) is None


def test_r23_pure_nodes_run_ahead_and_effects_wait_for_all_that_they_depend_on() -> None:
    execution = live(EFFECT)
    assert instances(start(execution)) == ["a"]
    commit(execution)
    assert execution.take(done("a")) == []
    # The commit in flight holds only a's start; b needs a's result, which is in the next.
    assert execution.committed()[2] == []
    commit(execution)
    assert instances(execution.committed()[2]) == ["b"]
    assert execution.held == []


def test_r23_a_held_effect_sees_the_variables_of_its_own_step() -> None:
    """What is decided while it waits for its commit is not durable, so it must not reach it."""
    plan = PlanMaker().node("v").node("a").node("b", waits_for_commit=True).edge("a -> b").build()
    execution = live(plan)
    start(execution)
    commit(execution)
    execution.committed()
    execution.take(done("a"))
    commit(execution)
    execution.take(done("v", variables=(VariableOperation("set", "x", 1),)))
    assert execution.state.variables == {"x": 1}
    (task,) = execution.committed()[2]
    assert isinstance(task, NodeTask)
    assert task.variables == {}


def test_an_effect_that_was_stopped_while_it_waited_is_not_started() -> None:
    execution = live(EFFECT)
    start(execution)
    commit(execution)
    execution.take(done("a"))
    execution.committed()
    commit(execution)
    execution.take(st.CancelRequested(ts=START_MS))
    assert instances(execution.committed()[2]) == []
    commit(execution)
    free = execution.committed()[2]
    assert [type(action) for action in free] == [StopNode, EndExecution]


def test_commands_whose_cause_is_durable_already_need_no_further_commit() -> None:
    """R14: the guard of a timeout leads to no event; held, it would wait for ever."""
    execution = live(PlanMaker().node("a", timeout_ms=1_000).build())
    start(execution)
    commit(execution)
    started = st.AttemptStarted(ts=START_MS + 5, instance="a", attempt=1)
    assert execution.take(started) == []  # node.started is not durable yet
    assert execution.committed()[2] == [StartTimer("guard:1:a", START_MS + 6_005)]
    assert execution.take(started) == [StartTimer("guard:1:a", START_MS + 6_005)]


def test_progress_is_written_now_and_then_and_always_at_the_end() -> None:
    execution = live(PlanMaker().chain("a", "b", "c").build())
    start(execution)
    seen = []
    for node, now in (("a", 1_000), ("b", 1_000 + PROGRESS_EVERY_MS - 1), ("c", 1_000 + PROGRESS_EVERY_MS)):
        write = execution.next_commit(now)
        assert write is not None
        seen.append("progress" in write.changes)
        execution.committed()
        execution.take(done(node))
    write = execution.next_commit(1_001 + PROGRESS_EVERY_MS)
    assert write is not None
    assert seen == [True, False, True]
    assert write.changes["status"] == "completed"
    assert write.changes["progress"]["percent"] == 100


def test_the_status_is_written_when_it_has_changed() -> None:
    """Every index that has it is touched for it."""
    execution = live(PlanMaker().chain("a", "b", "c").build())
    start(execution)
    assert commit(execution).changes["status"] == "running"
    execution.committed()
    execution.take(done("a"))
    assert "status" not in commit(execution).changes
    execution.committed()
    execution.take(done("b"))
    execution.take(done("c"))
    assert commit(execution).changes["status"] == "completed"


def test_the_last_commit_gives_the_execution_up_and_minds_the_inbox() -> None:
    execution = live(PlanMaker().node("a").build())
    start(execution)
    first = commit(execution)
    assert (first.release, first.refuse_on_inbox) == (False, None)
    execution.committed()
    execution.take(done("a", 7))
    last = commit(execution)
    assert (last.release, last.refuse_on_inbox) == (True, "cancel")
    assert last.changes["outputs"] == {"a": 7}
    assert [type(action) for action in execution.committed()[2]] == [EndExecution]


def test_inbox_rows_are_marked_by_the_commit_that_follows_and_folded_once() -> None:
    """R25."""
    execution = live(CHAIN)
    start(execution)
    assert execution.fold_inbox("i1")
    assert commit(execution).consumed == ("i1",)
    assert not execution.fold_inbox("i1")
    execution.committed()
    execution.take(done("a"))
    assert commit(execution).consumed == ()


def test_r35_a_completion_that_finds_a_cancellation_becomes_cancelled_and_loses_nothing() -> None:
    clock = Clock()
    store = MemoryStore(clock)
    execution = live_of(store, PlanMaker().node("a").output("b").edge("a -> b").build())
    start(execution)
    assert store.commit([commit(execution)]) == [Done()]
    execution.committed()
    execution.take(done("a", 1))
    execution.fold_inbox("other")
    execution.take(done("b", {"answer": 2}))
    assert execution.state.ended
    request_cancel(store)
    (refused,) = store.commit([commit(execution)])
    assert isinstance(refused, Pending)

    execution.retract_end(store.events.read_raw)
    assert not execution.state.ended
    assert execution.next_seq == 8
    assert execution.fold_inbox("c1")
    execution.take(st.CancelRequested(ts=START_MS, reason="enough"))
    final = commit(execution)
    assert set(final.consumed) == {"other", "c1"}
    assert types_of(final)[-2:] == ["execution.cancelling", "execution.cancelled"]
    assert "execution.completed" not in types_of(final)
    assert store.commit([final]) == [Done()]
    row = store.execution_by_id("e1")
    assert row is not None
    assert (row.status, row.outputs, row.partial, row.cancel_reason) == ("cancelled", {"answer": 2}, True, "enough")
    completed = [log.id for log in store.node_logs("e1").data if log.status == "completed"]
    assert completed == ["a#1", "b#1"]


def test_r22_retracting_stops_where_the_own_past_ends() -> None:
    """A successor has ended the execution while the refusal was on its way: its events are not this owner's."""
    store = MemoryStore(Clock())
    execution = live_of(store, ONE_NODE)
    start(execution)
    store.commit([commit(execution)])
    execution.committed()
    execution.take(done("a", 1))
    commit(execution)
    successor = LiveExecution(execution.record, PlanIndex(ONE_NODE), execution.state, 1)
    successor.state = replay(successor.index, store.events.read_raw("e1"))
    successor.committed_seq = 3
    successor.take(st.CancelRequested(ts=START_MS, reason="enough"))
    assert store.commit([commit(successor)]) == [Done()]

    execution.retract_end(store.events.read_raw)
    assert [event_type(event) for event in execution.pending] == ["node.completed"]
    execution.take(st.CancelRequested(ts=START_MS, reason="enough"))
    assert store.commit([commit(execution)]) == [Fenced()]


def test_retracting_from_a_log_that_cannot_be_read_changes_nothing() -> None:
    execution = live(PlanMaker().node("a").build())
    start(execution)
    commit(execution)

    def broken(_: str) -> list[bytes]:
        raise OSError("gone")

    with pytest.raises(OSError):
        execution.retract_end(broken)
    assert len(execution.in_flight) == 3


def test_a_crash_follows_what_is_in_flight_and_drops_what_is_not() -> None:
    store = MemoryStore(Clock())
    execution = live_of(store, CHAIN)
    start(execution)
    first = commit(execution)
    execution.take(done("a"))
    execution.crash(START_MS + 9, "KeyError: 'b'")
    assert execution.next_commit(START_MS) is None
    assert execution.take(done("b")) == []
    store.commit([first])
    execution.committed()
    assert store.commit([commit(execution)]) == [Done()]
    row = store.execution_by_id("e1")
    assert row is not None
    assert (row.status, row.crash_reason, row.last_seq, row.owner_id) == ("crashed", "KeyError: 'b'", 4, None)
    assert row.error == {
        "message": "KeyError: 'b'", "code": "EXECUTION_CRASHED", "node_id": None, "attempt": None, "details": {},
    }  # fmt: skip
    assert row.ended_at == START_MS + 9


def test_a_write_that_was_refused_can_be_withdrawn() -> None:
    execution = live(CHAIN)
    start(execution)
    execution.fold_inbox("i1")
    commit(execution)
    execution.withdraw()
    execution.crash(START_MS, "no")
    write = commit(execution)
    assert (write.expected_seq, write.last_seq) == (0, 1)


def test_the_epoch_of_the_owner_is_in_state_and_writes() -> None:
    """R22."""
    store = MemoryStore(Clock())
    record = insert(store, CHAIN, epoch=7)
    execution = LiveExecution(record, PlanIndex(CHAIN), ExecutionState(), 7)
    start(execution)
    write = commit(execution)
    assert write.epoch == 7
    assert b'"epoch":7' in write.events
