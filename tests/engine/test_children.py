"""Sub-workflows at the engine's border: a key per try, re-attached after a crash, cancelled with the parent (R19)."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.children import is_waited_for
from flowray.engine.commands import CancelTimer, StartChild, StartTimer, StopChild
from flowray.engine.signals import ChildCall, NodeError, Signals, Usage
from flowray.plan import ExecutionPlan, PlanRetry
from tests.engine.harness import START_MS, Reply, Run
from tests.engine.plans import PlanMaker

CALL = ChildCall(workflow_id="w1", version=3, inputs={"n": 1})
CALLS = Reply(signals=Signals(child=CALL))


def plan(**fields: Any) -> ExecutionPlan:
    """``call``, then ``after``; ``saved`` behind its error edge where ``saves``."""
    saves = fields.pop("saves", False)
    maker = PlanMaker().node("call", **fields).node("after", reads=["call"]).edge("call -> after")
    return (maker.node("saved").edge("call error-> saved") if saves else maker).build()


def waiting(**fields: Any) -> Run:
    """A run whose ``call`` waits for its child."""
    played = Run(plan(**fields), {"call": CALLS}).start()
    played.finish("call")
    return played


def of(played: Run, kind: type[Any]) -> list[Any]:
    """Commands of a kind, in order."""
    return [command for command in played.commands if isinstance(command, kind)]


def end(played: Run, status: str = "completed", key: str = "call#1", **fields: Any) -> list[Any]:
    """The child ends."""
    return played.send(st.ChildEnded(ts=played.now, instance="call", key=key, status=status, child_id="c1", **fields))


def test_a_child_is_started_and_its_outputs_become_the_nodes() -> None:
    played = waiting()
    assert of(played, StartChild) == [StartChild("call", "call#1", CALL)]
    assert played.state.status.value == "waiting"
    assert played.state.running == {}
    end(played, outputs={"answer": 42}, usage=Usage(input_tokens=5))
    assert played.slices["after"].outputs == {"call": {"answer": 42}}
    assert played.play().ended == "completed"
    assert played.state.usage.input_tokens == 5


def test_its_failure_is_the_nodes_and_names_the_child() -> None:
    played = waiting()
    end(played, "failed", error=NodeError(message="no answer", code="HTTP_ERROR", node_id="get"))
    assert played.ended == "failed"
    error = played.state.errors[0]
    assert (error.code, error.node_id, error.message) == (
        "HTTP_ERROR",
        "call",
        "The sub-workflow ended failed: no answer",
    )
    assert error.details == {"child": "c1", "status": "failed", "node_id": "get"}


def test_its_failure_takes_the_error_edge() -> None:
    played = waiting(saves=True)
    end(played, "timed_out")
    played.play()
    assert (played.ended, played.completed) == ("completed", {"saved"})
    assert played.state.handled_errors[0].code == "EXECUTION_TIMEOUT"


def test_a_retry_is_another_child_and_the_former_ones_end_means_nothing() -> None:
    played = waiting(retry=PlanRetry(max_attempts=2, initial_delay_ms=10))
    end(played, "failed", error=NodeError(message="busy", code="X", retryable=True))
    played.fire_next_timer()
    played.finish("call")
    assert [command.key for command in of(played, StartChild)] == ["call#1", "call#2"]
    assert end(played, outputs="late") == []
    end(played, key="call#2", outputs="second")
    assert played.output_of("call") == "second"


def test_a_new_owner_re_attaches_to_the_same_child() -> None:
    played = waiting()
    played.commands.clear()
    played.crash_and_recover()
    assert of(played, StartChild) == [StartChild("call", "call#1", CALL)]
    end(played, outputs=1)
    assert end(played, outputs=2) == []
    assert played.play().output_of("call") == 1


def test_an_owner_that_dies_before_the_wait_is_committed_starts_the_same_child() -> None:
    played = Run(plan(), {"call": CALLS}).start()
    played.crash_and_recover()
    played.finish("call")
    assert played.root()["call"].attempt == 2
    assert [command.key for command in of(played, StartChild)] == ["call#1"]


def test_cancelling_the_parent_cancels_the_child() -> None:
    played = waiting()
    played.send(st.CancelRequested(ts=played.now, reason="enough"))
    assert of(played, StopChild) == [StopChild("call", "call#1", "enough")]
    assert (played.ended, end(played)) == ("cancelled", [])


def test_the_deadline_is_passed_down() -> None:
    bounded = Run(plan(), {"call": CALLS})
    bounded.send(st.Start(ts=START_MS, deadline_ms=START_MS + 9_000))
    bounded.finish("call")
    assert of(bounded, StartChild)[0].deadline_ms == START_MS + 9_000


def test_a_shared_child_has_no_deadline_of_its_caller_and_does_not_end_with_it() -> None:
    shared = msgspec.structs.replace(CALL, idempotency_key="k")
    played = Run(plan(), {"call": Reply(signals=Signals(child=shared))})
    played.send(st.Start(ts=START_MS, deadline_ms=START_MS + 9_000))
    played.finish("call")
    assert of(played, StartChild) == [StartChild("call", "call#1", shared, None)]
    played.send(st.CancelRequested(ts=played.now, reason="enough"))
    assert of(played, StopChild) == []
    assert played.ended == "cancelled"


def test_no_person_and_no_timer_answers_for_a_child() -> None:
    played = waiting()
    assert played.send(st.WaitAnswered(ts=played.now, instance="call", data="me")) == []
    assert played.state.waiting == {"call": -1}


def started(played: Run, key: str = "call#1", child_id: str = "c1") -> list[Any]:
    """The child is committed."""
    return played.send(
        st.ChildStarted(ts=played.now, instance="call", key=key, child_id=child_id, workflow_id="w1", version=3)
    )


def test_r19_start_and_end_of_the_child_stand_in_the_parents_log() -> None:
    played = waiting()
    (begun,) = started(played)
    assert (begun.child_id, begun.workflow_id, begun.version, begun.attempt) == ("c1", "w1", 3, 1)
    assert played.root()["call"].child_id == "c1"
    heard = end(played, outputs=1, last_seq=9)
    assert (heard[0].child_id, heard[0].status, heard[0].last_seq) == ("c1", "completed", 9)
    assert ev.event_type(heard[1]) == "node.completed"


def test_r19_a_start_is_recorded_once_and_before_the_end() -> None:
    played = waiting()
    started(played)
    played.commands.clear()
    played.crash_and_recover()
    assert of(played, StartChild) == []
    assert started(played) == []
    assert [ev.event_type(event) for event in end(played)][:2] == ["child.ended", "node.completed"]
    late = waiting()
    assert [ev.event_type(event) for event in end(late)][:3] == ["child.started", "child.ended", "node.completed"]


def test_a_start_that_nobody_waits_for_means_nothing() -> None:
    played = waiting()
    assert started(played, key="call#2") == []
    end(played)
    assert started(played) == []


def test_a_refused_start_fails_the_node_and_there_was_no_child() -> None:
    played = waiting()
    cause = NodeError(message="there is no workflow 'w1'", code="NOT_FOUND", hint="look", details={"a": 1})
    events = end(played, "refused", error=cause)
    assert ev.event_type(events[0]) == "node.failed"
    error = played.state.errors[0]
    assert error.message == "The sub-workflow could not be started: there is no workflow 'w1'"
    assert (error.code, error.hint, error.details) == ("NOT_FOUND", "look", {"a": 1})


def test_the_nodes_timeout_ends_the_wait_cancels_the_child_and_is_retried() -> None:
    """R14, R19."""
    played = waiting(timeout_ms=500, retry=PlanRetry(max_attempts=2, initial_delay_ms=10))
    (timer,) = [command for command in of(played, StartTimer) if command.timer_id.startswith("child:")]
    assert timer.due_at == played.root()["call"].started_at + 500
    played.fire_next_timer()
    assert of(played, StopChild) == [StopChild("call", "call#1", "the node that called it timed out")]
    assert end(played) == []
    played.fire_next_timer()
    played.finish("call")
    assert [command.key for command in of(played, StartChild)] == ["call#1", "call#2"]
    played.fire_next_timer()
    assert (played.ended, played.state.errors[0].code) == ("failed", "NODE_TIMEOUT")


def test_r32_the_timer_of_the_wait_survives_its_owner_and_goes_with_the_child() -> None:
    played = waiting(timeout_ms=500)
    due_at = of(played, StartTimer)[-1].due_at
    played.commands.clear()
    played.crash_and_recover()
    assert StartTimer("child:1:call", due_at) in of(played, StartTimer)
    end(played)
    assert CancelTimer("child:1:call") in of(played, CancelTimer)
    assert played.send(st.TimerFired(ts=due_at, timer_id="child:1:call")) == []


def test_the_outputs_may_stand_under_a_key_of_their_own() -> None:
    call = ChildCall(workflow_id="w1", output_key="result")
    played = Run(plan(), {"call": Reply(signals=Signals(child=call))}).start()
    played.finish("call")
    end(played, outputs={"n": 1})
    assert played.output_of("call") == {"result": {"n": 1}}


def test_only_the_present_try_is_waited_for() -> None:
    played = waiting()
    assert is_waited_for(played.state, StartChild("call", "call#1", CALL))
    assert not is_waited_for(played.state, StartChild("call", "call#2", CALL))
    end(played)
    assert not is_waited_for(played.state, StartChild("call", "call#1", CALL))
