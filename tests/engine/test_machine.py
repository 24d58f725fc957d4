"""Edges settle one by one, joins wait for exactly what will run, slots are filled first come first served."""

from __future__ import annotations

import itertools

import pytest

from flowray.definition.policies import JoinRule, OnFailure
from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode, StartTimer
from flowray.engine.machine import ends
from flowray.engine.signals import NodeError
from flowray.plan import PlanRetry
from tests.engine.harness import LOST, START_MS, Run, asks, err, items, ok, route, run, sleeps
from tests.engine.plans import PlanMaker


def branch_into_merge() -> PlanMaker:
    """``c`` leads to ``out`` directly by ``true`` and through ``a`` by ``false``: scenario 35 of the corpus."""
    return PlanMaker().branch("c").node("a").node("out").edge("c true-> out", "c false-> a", "a -> out")


def test_r1_chain_runs_in_order_and_ends_with_its_terminal() -> None:
    played = run(PlanMaker().chain("a", "b", "c").build(), {"c": ok("end")})
    assert played.started() == ["a", "b", "c"]
    assert played.ended == "completed"
    assert played.outputs == {"c": "end"}


@pytest.mark.parametrize(
    ("handle", "completed", "skipped"), [("true", {"c", "out"}, {"a"}), ("false", {"c", "a", "out"}, set())]
)
def test_r3_branch_straight_into_the_merge(handle: str, completed: set[str], skipped: set[str]) -> None:
    played = run(branch_into_merge().build(), {"c": route(handle)})
    assert played.ended == "completed"
    assert (played.completed, played.skipped) == (completed, skipped)


@pytest.mark.parametrize("handle", ["true", "false"])
def test_r1_two_edges_between_the_same_nodes_are_two_edges(handle: str) -> None:
    plan = PlanMaker().branch("c").node("a").edge("c true-> a", "c false-> a").build()
    played = run(plan, {"c": route(handle)})
    assert played.completed == {"c", "a"}
    assert sorted(played.state.scopes[""].edges.values()) == [False, True]


def test_selected_handle_without_an_edge_ends_the_path_quietly() -> None:
    plan = PlanMaker().branch("c").node("a").node("after").edge("c true-> a", "a -> after").build()
    played = run(plan, {"c": route("nowhere")})
    assert played.ended == "completed"
    assert played.skipped == {"a", "after"}


def test_unlabelled_edge_of_a_branch_lives_for_every_selection() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").edge("c -> a", "c x-> b").build()
    assert run(plan, {"c": route("y")}).completed == {"c", "a"}


def test_several_routes_may_be_selected_at_once() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").node("d").edge("c x-> a", "c y-> b", "c z-> d").build()
    assert run(plan, {"c": route("x", "z")}).completed == {"c", "a", "d"}


def diamond(join: JoinRule = JoinRule.ANY) -> PlanMaker:
    return PlanMaker().node("s").node("a").node("b").node("j", join=join).edge("s -> a", "s -> b", "a -> j", "b -> j")


def test_r3_join_any_runs_when_one_side_failed() -> None:
    played = run(diamond().build(), {"a": err()})
    assert played.statuses() == {"s": "completed", "a": "failed", "b": "completed", "j": "completed"}
    assert played.ended == "failed"


def test_r3_join_all_is_skipped_when_one_side_failed() -> None:
    played = run(diamond(JoinRule.ALL).build(), {"a": err()})
    assert played.statuses()["j"] == "skipped"


def test_r3_join_all_runs_when_all_live() -> None:
    assert run(diamond(JoinRule.ALL).build()).completed == {"s", "a", "b", "j"}


def test_r3_join_waits_for_the_slower_feeder_without_a_level_barrier() -> None:
    maker = diamond().node("fast").edge("a -> fast")
    played = Run(maker.build()).start()
    played.finish("s")
    played.finish("a")
    assert {call.instance for call in played.pending} == {"b", "fast"}
    played.finish("fast")
    assert played.statuses()["j"] == "pending"
    played.finish("b")
    assert played.statuses()["j"] == "running"


def test_r3_ordering_edge_waits_but_neither_enables_nor_skips() -> None:
    maker = PlanMaker().branch("c").node("late").node("x").edge("c go-> late", "c -> x")
    plan = maker.edge("late -> x", kind="ordering").build()
    skipped = run(plan, {"c": route("elsewhere")})
    assert (skipped.completed, skipped.skipped) == ({"c", "x"}, {"late"})
    played = Run(plan, {"c": route("go")}).start()
    played.finish("c")
    assert played.statuses()["x"] == "pending"
    played.finish("late")
    assert played.statuses()["x"] == "running"


def test_skips_cascade() -> None:
    maker = PlanMaker().branch("c").chain("x", "y", "z").edge("c no-> x")
    assert run(maker.build(), {"c": route("yes")}).skipped == {"x", "y", "z"}


def test_r2_only_start_nodes_start() -> None:
    plan = (
        PlanMaker().node("in").node("other").node("end").edge("in -> end", "other -> end").start("in", "other").build()
    )
    assert run(plan).completed == {"in", "other", "end"}


def test_ready_order_is_first_in_first_out() -> None:
    maker = PlanMaker(max_concurrent_nodes=1).node("s")
    for name in "edcba":
        maker.node(name).edge(f"s -> {name}")
    assert run(maker.build()).started() == ["s", "e", "d", "c", "b", "a"]


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_r13_max_concurrent_nodes_is_used_and_never_exceeded(limit: int) -> None:
    maker = PlanMaker(max_concurrent_nodes=limit)
    for number in range(25):
        maker.node(f"n{number}")
    played = run(maker.build())
    assert played.most_running == limit
    assert len(played.completed) == 25


def test_r13_waiting_and_backing_off_instances_hold_no_slot() -> None:
    maker = PlanMaker(max_concurrent_nodes=1).node("w").node("r", retry=PlanRetry(max_attempts=2)).node("x")
    played = Run(maker.build(), {"w": sleeps(START_MS + 9_000), "r": [err(retryable=True), ok()]}).start()
    played.finish("w")
    played.finish("r")
    assert [call.instance for call in played.pending] == ["x"]
    assert played.play().completed == {"w", "r", "x"}


def test_start_is_taken_once() -> None:
    played = Run(PlanMaker().node("a").build()).start(x=1)
    assert played.send(st.Start(ts=played.now, inputs={"x": 2})) == []
    assert played.state.inputs == {"x": 1}


def test_late_and_duplicate_results_change_nothing() -> None:
    played = Run(PlanMaker().chain("a", "b").build(), {"a": ok(1)}).start()
    first = played.call("a")
    played.finish("a")
    again = st.AttemptSucceeded(ts=played.now, instance="a", attempt=first.attempt, output=2)
    assert played.send(again) == []
    assert played.send(st.AttemptFailed(ts=1, instance="a", attempt=1, error=NodeError(message="", code="X"))) == []
    assert played.send(st.AttemptSucceeded(ts=1, instance="ghost", attempt=1)) == []
    assert played.send(st.AttemptSucceeded(ts=1, instance="a[3]/b", attempt=1)) == []
    assert played.play().output_of("a") == 1


def test_r35_result_of_a_superseded_attempt_is_discarded_for_the_record() -> None:
    played = Run(PlanMaker().node("a").build(), {"a": [LOST, ok("second")]}).start()
    played.finish("a")
    late = played.send(st.AttemptSucceeded(ts=played.now, instance="a", attempt=1, output="first"))
    assert [(event.attempt, event.outcome) for event in late] == [(1, "succeeded")]
    assert played.play().outputs == {"a": "second"}


def test_r35_cancel_stops_what_runs_and_keeps_partial_outputs() -> None:
    played = Run(PlanMaker().chain("a", "b").node("done").build(), {"done": ok("kept")}).start()
    played.finish("done")
    played.send(st.CancelRequested(ts=played.now, reason="enough", by="ann"))
    assert played.ended == "cancelled"
    assert not played.pending
    assert played.statuses() == {"a": "cancelled", "b": "pending", "done": "completed"}
    assert played.outputs == {"done": "kept"}
    assert [event.reason for event in played.of_type("execution.cancelling", "execution.cancelled")] == ["enough"] * 2
    assert played.send(st.AttemptSucceeded(ts=played.now, instance="a", attempt=1)) == []
    assert played.send(st.CancelRequested(ts=played.now, reason="again")) == []
    assert played.state.cancel_reason == "enough"


def test_cancel_before_the_start() -> None:
    played = Run(PlanMaker().node("a").build())
    played.send(st.CancelRequested(ts=played.now))
    assert played.ended == "cancelled"
    assert played.send(st.Start(ts=played.now)) == []


def test_r35_cancel_beats_an_error_that_has_happened() -> None:
    played = Run(PlanMaker().node("a").node("b").build(), {"a": err()}).start()
    played.finish("a")
    played.send(st.CancelRequested(ts=played.now))
    assert played.ended == "cancelled"


def test_cancel_closes_waits_and_open_containers() -> None:
    maker = PlanMaker().parallel("P").node("x", scope="P").node("y", scope="P")
    played = Run(maker.build(), {"P": items(1, 2), "P[0]/x": asks()}).start()
    played.finish("P")
    played.finish("P[0]/x")
    played.send(st.CancelRequested(ts=played.now))
    assert played.ended == "cancelled"
    assert {event.instance for event in played.of_type("node.cancelled")} == {
        "P",
        "P[0]/x",
        "P[0]/y",
        "P[1]/x",
        "P[1]/y",
    }


def test_r14_execution_timeout() -> None:
    played = Run(PlanMaker(timeout_ms=5_000).node("a").build()).start()
    assert played.timers == {"execution": START_MS + 5_000}
    played.fire_next_timer()
    assert played.ended == "timed_out"
    assert played.statuses() == {"a": "cancelled"}
    assert played.of_type("execution.timed_out")[0].error.code == "EXECUTION_TIMEOUT"
    assert "5000 ms" in played.of_type("execution.timed_out")[0].error.message


def test_r14_a_time_that_ran_out_while_nobody_drove_lets_nothing_begin_again() -> None:
    played = Run(PlanMaker(timeout_ms=5_000).chain("a", "b").build()).start()
    played.send(st.Recovered(ts=START_MS + 5_000, epoch=2))
    assert (played.ended, len(played.of_type("node.started"))) == ("timed_out", 1)


def test_r14_waiting_does_not_count_as_active_time() -> None:
    played = Run(PlanMaker(timeout_ms=5_000).chain("w", "a").build(), {"w": sleeps(START_MS + 60_000)}).start()
    played.now += 1_000
    played.finish("w")
    assert "execution" not in played.timers
    played.send(st.TimerFired(ts=START_MS + 5_000, timer_id="execution"))
    assert played.ended is None
    played.fire_next_timer()
    assert played.timers["execution"] == START_MS + 60_000 + 4_000
    played.fire_next_timer()
    assert played.ended == "timed_out"


def test_r33_tokens_and_log_lines_of_the_running_attempt_are_recorded() -> None:
    played = Run(PlanMaker().node("a").build()).start()
    token = st.TokensProduced(ts=played.now, instance="a", attempt=1, stream_id="llm-a", offset=0, text="Hi", tokens=1)
    assert [event.text for event in played.send(token)] == ["Hi"]
    logged = st.NodeLogged(ts=played.now, instance="a", attempt=1, message="m", fields={"k": 1})
    assert [(event.message, event.fields) for event in played.send(logged)] == [("m", {"k": 1})]
    played.finish("a")
    assert played.send(token) == []
    assert played.send(logged) == []


def test_commands_tell_the_end() -> None:
    played = run(PlanMaker().node("a").build())
    assert ends(played.commands)
    assert not ends([RunNode("a", "a", 1), StartTimer("t", 1)])


# -- recovery ------------------------------------------------------------------------------------------------------


def mixed_plan() -> PlanMaker:
    """A branch, a join, a loop, a wait, a retry and a failure with an error edge."""
    maker = PlanMaker(max_concurrent_nodes=3).node("s").branch("c").loop("L").node("x", scope="L").node("y", scope="L")
    maker.edge("s -> c", "x -> y", "c true-> L").node("w").node("r", retry=PlanRetry(max_attempts=3)).node("f")
    maker.node("h").node("j").node("no")
    return maker.edge(
        "s -> w", "s -> r", "s -> f", "f error-> h", "h -> j", "w -> j", "r -> j", "L -> j", "c false-> no"
    )


def mixed_script() -> dict[str, object]:
    return {
        "c": route("true"),
        "L": items(1, 2),
        "x": lambda call, seen: ok(seen.loop["item"] * 10),
        "y": lambda call, seen: ok(f"y of {call.instance}"),
        "w": sleeps(START_MS + 20_000, "slept"),
        "r": lambda call, seen: ok("third") if call.tries == 3 else err(retryable=True),
        "f": err("HTTP_STATUS"),
    }


def test_r29_recovery_at_every_point_of_a_run_changes_nothing_but_attempts() -> None:
    plan, script = mixed_plan().build(), mixed_script()
    wanted = run(plan, script)
    assert wanted.ended == "completed"
    for crash_after in itertools.count():
        played = Run(plan, script).start()
        moves = 0
        while moves < crash_after and played.move():
            moves += 1
        if played.ended:
            break
        over = {e.instance for e in played.of_type("node.completed", "node.failed", "node.skipped", "node.cancelled")}
        position = len(played.events)
        played.crash_and_recover()
        played.play()
        assert played.statuses() == wanted.statuses()
        assert played.outputs == wanted.outputs
        again = {event.instance for event in played.events[position:] if type(event).__name__ == "NodeStarted"}
        assert not again & over, f"crash after move {crash_after}: ended nodes started again"


def test_r31_recovery_keeps_the_try_and_raises_the_attempt() -> None:
    played = Run(PlanMaker().node("a").build()).start()
    played.crash_and_recover(epoch=7)
    call = played.call("a")
    assert (call.attempt, call.tries) == (2, 1)
    assert played.state.epoch == 7
    assert played.of_type("node.started")[-1].epoch == 7


def test_recovery_before_the_start_only_takes_over() -> None:
    played = Run(PlanMaker().node("a").build())
    played.crash_and_recover(epoch=2)
    assert played.types() == ["execution.recovered"]
    assert played.start().play().ended == "completed"


def test_r32_recovery_sets_waiting_timers_again_at_the_time_they_always_had() -> None:
    plan = PlanMaker(timeout_ms=60_000).node("w").node("r", retry=PlanRetry(max_attempts=2)).node("p").build()
    script = {"w": sleeps(START_MS + 9_000), "r": err(retryable=True), "p": asks()}
    played = Run(plan, script).start()
    for instance in ("w", "r", "p"):
        played.finish(instance)
    before = dict(played.timers)
    played.crash_and_recover()
    assert played.timers == before
    assert set(before) == {"execution", "wait:1:w", "retry:1:r"}


@pytest.mark.parametrize("policy", list(OnFailure))
def test_recovery_while_a_failed_execution_drains_gives_the_same_end(policy: OnFailure) -> None:
    plan = PlanMaker(on_failure=policy).node("bad").node("slow").node("after").edge("slow -> after").build()
    script = {"bad": err()}
    wanted = run(plan, script)
    played = Run(plan, script).start()
    played.finish("bad")
    if played.ended is None:
        played.crash_and_recover()
        played.play()
    assert played.statuses() == wanted.statuses()
    assert played.ended == "failed"


# -- before a start -----------------------------------------------------------------------------------------------


def test_one_that_was_not_started_in_time_ends_with_one_event() -> None:
    played = Run(PlanMaker().node("a").build())
    assert [ev.event_type(event) for event in played.send(st.Expire(ts=START_MS))] == ["execution.expired"]
    assert played.ended == "expired"
    assert played.send(st.Start(ts=START_MS)) == []


def test_one_that_has_started_never_expires() -> None:
    played = Run(PlanMaker().node("a").build()).start()
    assert played.send(st.Expire(ts=played.now)) == []
    assert played.state.status.value == "running"
