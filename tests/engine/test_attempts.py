"""What a result means: signals, retries, error routing, lost processes, waits and their timers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowray.definition.policies import ErrorStrategy
from flowray.engine import stimuli as st
from flowray.engine.attempts import BACKSTOP_MS
from flowray.engine.commands import StopNode
from flowray.engine.retries import MAX_LOSSES
from flowray.engine.signals import NodeError, Signals, Usage, VariableOperation
from flowray.plan import PlanRetry
from tests.engine.harness import LOST, SILENT, START_MS, Reply, Run, asks, err, ok, route, run, sleeps
from tests.engine.plans import PlanMaker


def guarded(**fields: Any) -> PlanMaker:
    """``a`` with an error edge to ``h`` and a success edge to ``b``."""
    return PlanMaker().node("a", **fields).node("h").node("b").edge("a error-> h", "a -> b")


def test_error_edge_lives_and_all_others_die() -> None:
    played = run(guarded().build(), {"a": err("HTTP_STATUS", "404")})
    assert played.ended == "completed"
    assert played.statuses() == {"a": "failed", "h": "completed", "b": "skipped"}
    failed = played.of_type("node.failed")[0]
    assert failed.routed
    assert [error.code for error in played.state.handled_errors] == ["HTTP_STATUS"]
    assert not played.state.errors


def test_error_edge_is_dead_on_success() -> None:
    assert run(guarded().build()).statuses() == {"a": "completed", "h": "skipped", "b": "completed"}


def test_error_path_reads_the_error_as_output() -> None:
    maker = PlanMaker().node("a").node("h", reads=["a"]).edge("a error-> h")
    played = run(maker.build(), {"a": err("HTTP_STATUS", "404", details={"url": "u"})})
    assert played.slices["h"].outputs["a"] == {
        "message": "404", "code": "HTTP_STATUS", "node_id": "a", "attempt": 1, "details": {"url": "u"},
    }  # fmt: skip


def test_error_names_node_instance_and_attempt() -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=2)).build()
    error = run(plan, {"a": err(retryable=True)}).of_type("execution.failed")[0].error
    assert (error.node_id, error.instance, error.attempt) == ("a", "a", 2)


def test_error_edge_beats_on_error() -> None:
    played = run(guarded(on_error=ErrorStrategy.CONTINUE).build(), {"a": err()})
    assert played.statuses() == {"a": "failed", "h": "completed", "b": "skipped"}


def test_r11_continue_completes_with_the_error_as_output() -> None:
    played = run(PlanMaker().chain("a", "b", on_error=ErrorStrategy.CONTINUE).build(), {"a": err("X", "why")})
    assert played.ended == "completed"
    assert played.completed == {"a", "b"}
    done = played.of_type("node.completed")[0]
    assert done.output["message"] == "why"
    assert done.handled_error.code == "X"


def test_r11_fallback_completes_with_its_value() -> None:
    plan = PlanMaker().node("a", on_error=ErrorStrategy.FALLBACK, fallback_value={"n": 0}).build()
    played = run(plan, {"a": err()})
    assert (played.ended, played.outputs) == ("completed", {"a": {"n": 0}})


def test_r11_handled_error_of_a_branch_takes_default_or_unlabelled_handles() -> None:
    maker = PlanMaker().branch("c", on_error=ErrorStrategy.CONTINUE)
    maker.node("x").node("d").node("u").edge("c x-> x", "c default-> d", "c -> u")
    assert run(maker.build(), {"c": err()}).completed == {"c", "d", "u"}


def test_r5_goto_lives_only_on_failure() -> None:
    maker = PlanMaker().node("a", on_error=ErrorStrategy.GOTO).node("b").node("g").edge("a -> b", "a goto-> g")
    failed = run(maker.build(), {"a": err()})
    assert (failed.ended, failed.statuses()) == ("completed", {"a": "failed", "b": "skipped", "g": "completed"})
    assert run(maker.build()).statuses() == {"a": "completed", "b": "completed", "g": "skipped"}


def test_unhandled_failure_skips_what_depends_on_it() -> None:
    played = run(PlanMaker().chain("a", "b", "c").build(), {"b": err("X", "no")})
    assert played.ended == "failed"
    assert played.statuses() == {"a": "completed", "b": "failed", "c": "skipped"}


# -- signals -------------------------------------------------------------------------------------------------------


def test_is_terminal_kills_all_edges_and_others_go_on() -> None:
    maker = PlanMaker().chain("a", "b").chain("x", "y")
    played = run(maker.build(), {"a": ok("last", signals=Signals(is_terminal=True))})
    assert played.statuses() == {"a": "completed", "b": "skipped", "x": "completed", "y": "completed"}
    assert played.outputs["a"] == "last"


def test_activate_error_port_without_a_failure() -> None:
    played = run(guarded().build(), {"a": ok("out", signals=Signals(activate_error_port=True))})
    assert played.statuses() == {"a": "completed", "h": "completed", "b": "skipped"}
    assert not played.state.handled_errors


def test_plain_node_may_select_routes() -> None:
    maker = PlanMaker().node("a").node("x").node("y").edge("a x-> x", "a y-> y")
    assert run(maker.build(), {"a": route("y")}).completed == {"a", "y"}


def test_branch_that_selects_nothing_follows_only_unlabelled_edges() -> None:
    maker = PlanMaker().branch("c").node("x").node("u").edge("c x-> x", "c -> u")
    assert run(maker.build(), {"c": ok()}).completed == {"c", "u"}


def test_wait_signal_completes_at_its_time_with_its_output() -> None:
    played = Run(PlanMaker().chain("w", "b").build(), {"w": sleeps(START_MS + 60_000, {"ok": 1})}).start()
    played.finish("w")
    assert played.state.status.value == "waiting"
    assert played.timers == {"wait:1:w": START_MS + 60_000}
    waiting = played.of_type("node.waiting")[0]
    assert (waiting.wait_kind, waiting.due_at) == ("time", START_MS + 60_000)
    played.play()
    assert played.output_of("w") == {"ok": 1}
    assert played.of_type("node.completed")[0].ts == START_MS + 60_000


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("waits", [sleeps(START_MS + 60_000), asks(variables=("got",), timeout_ms=9, timeout_value=5)])
def test_r17_variables_of_a_result_that_waits_change_when_it_completes(waits: Reply, answered: bool) -> None:
    changes = (VariableOperation(op="append", name="seen", value=1), VariableOperation(op="set", name="got", value=0))
    played = Run(PlanMaker().chain("w", "b").build(), {"w": replace(waits, variables=changes)}).start()
    played.finish("w")
    assert played.of_type("node.waiting")[0].variables == changes
    assert played.state.variables == {}
    played.crash_and_recover()
    if answered:
        played.send(st.WaitAnswered(ts=played.now, instance="w", data=5))
    assert played.play().ended == "completed"
    assert played.state.variables == {"seen": [1], "got": 0 if waits.signals.pause is None else 5}


def test_r17_a_wait_that_fails_has_changed_nothing() -> None:
    asked = replace(asks(timeout_ms=9), variables=(VariableOperation(op="append", name="seen", value=1),))
    plan = PlanMaker().node("w", retry=PlanRetry(max_attempts=2, codes=("WAITPOINT_TIMEOUT",))).build()
    played = Run(plan, {"w": [asked, ok(variables=asked.variables)]}).start()
    assert played.play().ended == "completed"
    assert played.state.variables == {"seen": [1]}


def test_r17_a_result_that_waits_is_refused_for_variables_that_do_not_fit() -> None:
    operations = tuple(VariableOperation(op=op, name="n", value="x") for op in ("set", "increment"))
    played = run(PlanMaker().node("w").build(), {"w": replace(asks(), variables=operations)})
    assert played.ended == "failed"
    assert played.state.errors[0].code == "VARIABLE_MISMATCH"


def test_pause_signal_waits_for_a_person() -> None:
    played = run(PlanMaker().chain("p", "b").build(), {"p": asks("sure?")})
    assert played.state.status.value == "paused"
    assert played.ended is None
    assert played.of_type("execution.paused")[0].reason == "sure?"
    played.send(st.WaitAnswered(ts=played.now, instance="p", data={"yes": True}, by="ann"))
    assert played.play().output_of("p") == {"yes": True}
    assert played.ended == "completed"


def test_answer_may_end_the_execution() -> None:
    played = run(PlanMaker().node("p").build(), {"p": asks()})
    played.send(st.WaitAnswered(ts=played.now, instance="p", data=5))
    assert (played.ended, played.outputs) == ("completed", {"p": 5})


def test_timer_may_end_the_execution() -> None:
    played = run(PlanMaker().node("w").build(), {"w": sleeps(START_MS + 60_000, "end")})
    assert (played.ended, played.outputs) == ("completed", {"w": "end"})


def test_answer_to_a_timed_wait_ends_it_early_and_forgets_the_timer() -> None:
    played = Run(PlanMaker().node("w").build(), {"w": sleeps(START_MS + 60_000, "late")}).start()
    played.finish("w")
    played.send(st.WaitAnswered(ts=played.now, instance="w", data="early"))
    assert (played.ended, played.outputs, played.timers) == ("completed", {"w": "early"}, {})


def test_answers_that_nobody_waits_for_change_nothing() -> None:
    plan = PlanMaker().node("a").node("r", retry=PlanRetry(max_attempts=2)).build()
    played = Run(plan, {"r": err(retryable=True)}).start()
    played.finish("r")
    for instance in ("a", "r", "ghost", "L[0]/x"):
        assert played.send(st.WaitAnswered(ts=played.now, instance=instance, data=1)) == []


def test_usage_of_a_pausing_attempt_counts() -> None:
    reply = asks()
    reply = type(reply)(signals=reply.signals, usage=Usage(input_tokens=3))
    assert run(PlanMaker().node("p").build(), {"p": reply}).state.usage.input_tokens == 3


def test_r9_finish_signal_ends_with_its_output_and_drains() -> None:
    maker = PlanMaker().chain("a", "never").node("slow").node("w").node("p").edge("slow -> w")
    script = {"a": ok("answer", signals=Signals(finish=True)), "p": asks()}
    played = Run(maker.build(), script).start()
    played.finish("p")
    played.finish("a")
    assert played.ended is None
    played.finish("slow")
    assert (played.ended, played.outputs) == ("completed", "answer")
    assert played.statuses() == {
        "a": "completed", "never": "skipped", "slow": "completed", "w": "skipped", "p": "cancelled",
    }  # fmt: skip


def test_r9_the_first_finish_by_seq_wins() -> None:
    finish = Signals(finish=True)
    played = Run(PlanMaker().node("a").node("b").build(), {n: ok(n, signals=finish) for n in "ab"}).start()
    played.finish("b")
    played.finish("a")
    assert played.outputs == "b"


def test_r9_a_lost_attempt_still_drains_after_finish() -> None:
    script = {"a": ok(1, signals=Signals(finish=True)), "slow": [LOST, ok("drained")]}
    played = Run(PlanMaker().node("a").node("slow").build(), script).start()
    played.finish("a")
    played.play()
    assert played.output_of("slow") == "drained"


def test_unknown_variable_operation_fails_the_node() -> None:
    played = run(PlanMaker().node("a").build(), {"a": ok(variables=(VariableOperation("explode", "x"),))})
    assert played.ended == "failed"
    assert "explode" in played.state.errors[0].message


def test_a_result_that_would_be_read_as_a_reference_fails_the_node() -> None:
    played = run(PlanMaker().node("a").build(), {"a": ok({"$flowray": "stored", "payload_id": "somebody-elses"})})
    assert played.ended == "failed"
    assert "$flowray" in played.state.errors[0].message


# -- retries -------------------------------------------------------------------------------------------------------


def test_retry_waits_its_delay_then_tries_again() -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=3, initial_delay_ms=1_000, factor=3)).build()
    played = run(plan, {"a": [err(retryable=True), err(retryable=True), ok("third")]})
    assert played.outputs == {"a": "third"}
    assert [(e.delay_ms, e.attempt, e.next_attempt) for e in played.of_type("node.retrying")] == [
        (1_000, 1, 2), (3_000, 2, 3),
    ]  # fmt: skip
    assert [(e.attempt, e.tries) for e in played.of_type("node.started")] == [(1, 1), (2, 2), (3, 3)]


def test_retries_end_with_the_last_error() -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=2)).build()
    played = run(plan, {"a": [err("ONE", retryable=True), err("TWO", retryable=True)]})
    assert (played.ended, [error.code for error in played.state.errors]) == ("failed", ["TWO"])


def test_second_delivery_of_a_failure_that_is_backing_off_is_dropped() -> None:
    played = Run(PlanMaker().node("a", retry=PlanRetry(max_attempts=3)).build(), {"a": err(retryable=True)}).start()
    played.finish("a")
    error = NodeError(message="boom", code="NODE_FAILED", retryable=True)
    assert played.send(st.AttemptFailed(ts=played.now, instance="a", attempt=1, error=error)) == []


def test_timer_of_a_former_attempt_means_nothing() -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=3)).build()
    played = Run(plan, {"a": [err(retryable=True), SILENT]}).start()
    played.finish("a")
    played.fire_next_timer()
    assert played.send(st.TimerFired(ts=played.now, timer_id="retry:1:a")) == []
    assert played.send(st.TimerFired(ts=played.now, timer_id="nonsense")) == []


def test_r31_lost_attempt_is_the_same_try_and_a_new_attempt() -> None:
    played = run(PlanMaker().node("a").build(), {"a": [LOST, LOST, ok("third")]})
    assert [(e.attempt, e.tries) for e in played.of_type("node.started")] == [(1, 1), (2, 1), (3, 1)]
    assert all(event.lost for event in played.of_type("node.retrying"))
    assert played.outputs == {"a": "third"}


def test_r39_a_node_that_is_lost_too_often_fails() -> None:
    played = run(PlanMaker().node("a").build(), {"a": LOST})
    assert played.ended == "failed"
    assert played.state.errors[0].code == "NODE_LOST"
    assert len(played.of_type("node.started")) == MAX_LOSSES + 1


def test_losses_and_failures_are_counted_apart() -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=2)).build()
    played = run(plan, {"a": [LOST, err(retryable=True), LOST, ok("fourth")]})
    assert [(e.attempt, e.tries) for e in played.of_type("node.started")] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert played.outputs == {"a": "fourth"}


@pytest.mark.parametrize("reply", [LOST, err(retryable=True)])
def test_r33_a_superseded_stream_is_reset(reply: Any) -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=2)).build()
    played = Run(plan, {"a": [reply, ok()]}).start()
    played.send(st.TokensProduced(ts=1, instance="a", attempt=1, stream_id="llm-a", offset=0, text="x"))
    played.play()
    assert [(event.stream_id, event.attempt) for event in played.of_type("stream.reset")] == [("llm-a", 1)]


# -- timeouts ------------------------------------------------------------------------------------------------------


def test_r14_the_engine_backstops_a_lane_that_does_not_enforce_the_timeout() -> None:
    played = Run(PlanMaker().node("a", timeout_ms=2_000).build(), {"a": SILENT}).start()
    played.send(st.AttemptStarted(ts=played.now, instance="a", attempt=1))
    assert played.timers == {"guard:1:a": START_MS + 2_000 + BACKSTOP_MS}
    played.fire_next_timer()
    assert played.ended == "failed"
    assert played.state.errors[0].code == "NODE_TIMEOUT"
    assert StopNode("a", 1, "timed out") in played.commands


def test_r14_guard_is_forgotten_with_the_result() -> None:
    played = Run(PlanMaker().chain("a", "b", timeout_ms=2_000).build()).start()
    played.send(st.AttemptStarted(ts=played.now, instance="a", attempt=1))
    played.finish("a")
    assert played.timers == {}


def test_r14_what_nothing_begins_is_dispatched_again_and_fails_at_last_with_the_reason() -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=3)).build()
    played = Run(plan, {"a": SILENT}).start()
    for attempt in (1, 2, 3):
        assert played.ended is None
        played.send(st.AttemptLost(ts=played.now, instance="a", attempt=attempt, reason="no room", unstarted=True))
    assert [event.lost for event in played.of_type("node.retrying")] == [True, True]
    assert [event.tries for event in played.of_type("node.started")] == [1, 1, 1]
    assert played.ended == "failed"
    (error,) = played.state.errors
    assert (error.code, error.message) == ("NODE_TIMEOUT", "Attempt 3 of 'a' did not start: no room")


def test_r14_a_container_has_no_guard() -> None:
    maker = PlanMaker().loop("L", timeout_ms=1_000).node("x", scope="L")
    played = Run(maker.build()).start()
    played.send(st.AttemptStarted(ts=played.now, instance="L", attempt=1))
    assert played.timers == {}


def test_usage_is_summed_over_attempts() -> None:
    plan = PlanMaker().node("a", retry=PlanRetry(max_attempts=2)).node("b").build()
    first = err(retryable=True)
    first = type(first)(error=first.error, usage=Usage(input_tokens=1, output_tokens=1, model="m", cost=0.5))
    played = run(plan, {"a": [first, ok(usage=Usage(2, 3, "m", 0.25))], "b": ok(usage=Usage(10, 20, "n"))})
    assert played.state.usage == Usage(input_tokens=13, output_tokens=24, model=None, cost=0.75)
    assert played.of_type("execution.completed")[0].usage == played.state.usage
