"""When an execution rests or ends, and what an unhandled failure does to the rest (R8 to R10, R20)."""

from __future__ import annotations

import pytest

from flowray.definition.policies import OnFailure
from flowray.engine import stimuli as st
from flowray.engine.endings import SHORT_BACKOFF_MS
from flowray.engine.signals import Signals
from flowray.plan import PlanRetry
from tests.engine.harness import START_MS, Reply, Run, asks, err, items, ok, run, sleeps
from tests.engine.plans import PlanMaker


def racing(policy: OnFailure) -> Run:
    """``bad`` has failed while ``slow`` runs; ``after`` would follow ``slow``, ``dependent`` follows ``bad``."""
    maker = PlanMaker(on_failure=policy).node("bad").node("slow").node("after").node("dependent")
    plan = maker.edge("slow -> after", "bad -> dependent").build()
    played = Run(plan, {"bad": err("FIRST")}).start()
    played.finish("bad")
    return played


def test_run_independent_lets_the_rest_run() -> None:
    played = racing(OnFailure.RUN_INDEPENDENT).play()
    assert played.ended == "failed"
    assert played.statuses() == {"bad": "failed", "slow": "completed", "after": "completed", "dependent": "skipped"}
    assert played.outputs == {"after": {"from": "after"}}


def test_finish_running_starts_nothing_new() -> None:
    played = racing(OnFailure.FINISH_RUNNING)
    assert played.ended is None
    played.play()
    assert played.statuses() == {"bad": "failed", "slow": "completed", "after": "skipped", "dependent": "skipped"}
    assert played.ended == "failed"


def test_cancel_running_stops_at_once() -> None:
    played = racing(OnFailure.CANCEL_RUNNING)
    assert played.ended == "failed"
    assert played.statuses() == {"bad": "failed", "slow": "cancelled", "after": "skipped", "dependent": "skipped"}
    assert not played.pending


def test_the_first_error_in_time_is_the_error_and_all_are_listed() -> None:
    played = Run(PlanMaker().node("a").node("b").build(), {"a": err("A"), "b": err("B")}).start()
    played.finish("b")
    played.finish("a")
    end = played.of_type("execution.failed")[0]
    assert end.error.code == "B"
    assert [error.code for error in end.errors] == ["B", "A"]


@pytest.mark.parametrize("policy", [OnFailure.FINISH_RUNNING, OnFailure.CANCEL_RUNNING])
def test_r10_stopping_policies_close_waitpoints_ready_nodes_and_containers(policy: OnFailure) -> None:
    maker = PlanMaker(on_failure=policy, max_concurrent_nodes=2).loop("L").node("x", scope="L").node("bad").node("r")
    plan = maker.node("p").node("tail").edge("L -> tail").build()
    played = Run(plan, {"L": items(1), "x": asks(), "bad": err(), "p": asks()}).start()
    played.finish("L")
    for instance in ("r", "L[0]/x"):
        if instance in [call.instance for call in played.pending]:
            played.finish(instance)
    while played.ended is None and played.pending:
        played.answer(played.pending[-1])
    assert played.ended == "failed"
    assert {node.status.value for node in played.root().values()} <= {"completed", "failed", "skipped", "cancelled"}
    assert played.statuses()["L"] == "cancelled"
    assert played.statuses()["tail"] == "skipped"


def test_r10_finish_running_cancels_what_is_ready_but_never_started() -> None:
    maker = PlanMaker(on_failure=OnFailure.FINISH_RUNNING, max_concurrent_nodes=1).node("bad").node("ready")
    played = run(maker.build(), {"bad": err()})
    assert played.statuses() == {"bad": "failed", "ready": "cancelled"}


def test_r10_a_backing_off_node_drains_before_the_end() -> None:
    maker = PlanMaker(on_failure=OnFailure.FINISH_RUNNING).node("bad").node("r", retry=PlanRetry(max_attempts=2))
    played = Run(maker.build(), {"bad": err(), "r": [err(retryable=True), ok("second")]}).start()
    played.finish("r")
    played.finish("bad")
    assert played.ended is None
    played.play()
    assert played.statuses() == {"bad": "failed", "r": "completed"}


def test_r10_run_independent_stays_paused_and_fails_afterwards() -> None:
    played = Run(PlanMaker().node("bad").node("p").build(), {"bad": err(), "p": asks()}).start()
    played.finish("p")
    played.finish("bad")
    assert played.state.status.value == "paused"
    assert len(played.state.errors) == 1
    played.send(st.WaitAnswered(ts=played.now, instance="p"))
    assert played.ended == "failed"


def test_r20_waiting_when_only_time_can_move_it() -> None:
    played = Run(PlanMaker().node("w").build(), {"w": sleeps(START_MS + 60_000)}).start()
    played.finish("w")
    assert played.state.status.value == "waiting"
    assert played.types()[-1] == "execution.waiting"


def test_r20_not_waiting_while_something_runs() -> None:
    played = Run(PlanMaker().node("w").node("a").build(), {"w": sleeps(START_MS + 60_000)}).start()
    played.finish("w")
    assert played.state.status.value == "running"
    played.finish("a")
    assert played.state.status.value == "waiting"


def test_r20_paused_only_if_nothing_but_a_person_can_move_it() -> None:
    played = Run(PlanMaker().node("w").node("p").build(), {"w": sleeps(START_MS + 60_000), "p": asks()}).start()
    played.finish("p")
    played.finish("w")
    assert played.state.status.value == "waiting"
    played.fire_next_timer()
    assert played.state.status.value == "paused"


@pytest.mark.parametrize(("delay_ms", "status"), [(SHORT_BACKOFF_MS - 1, "running"), (SHORT_BACKOFF_MS, "waiting")])
def test_r20_a_short_back_off_counts_as_running(delay_ms: int, status: str) -> None:
    retry = PlanRetry(max_attempts=2, initial_delay_ms=delay_ms)
    played = Run(PlanMaker().node("a", retry=retry).build(), {"a": err(retryable=True)}).start()
    played.finish("a")
    assert played.state.status.value == status


def test_resumed_comes_before_what_starts_again() -> None:
    played = run(PlanMaker().chain("w", "b").build(), {"w": sleeps(START_MS + 60_000)})
    kinds = played.types()
    assert kinds.index("execution.resumed") < len(kinds) - 1 - kinds[::-1].index("node.started")
    assert kinds[-1] == "execution.completed"


def test_finish_after_a_failure_is_still_a_failure() -> None:
    script = {"bad": err(), "f": ok("x", signals=Signals(finish=True))}
    played = Run(PlanMaker().node("bad").node("f").build(), script).start()
    played.finish("bad")
    played.finish("f")
    assert (played.ended, played.outputs) == ("failed", "x")


def test_an_execution_without_nodes_completes() -> None:
    assert run(PlanMaker().build()).ended == "completed"


def test_r9_an_error_after_finish_is_kept_and_fails_nothing() -> None:
    plan = PlanMaker().node("a").node("b").build()
    played = Run(plan, {"a": ok("done", signals=Signals(finish=True)), "b": err(message="late")}).start()
    played.finish("a")
    played.finish("b")
    assert (played.ended, played.outputs) == ("completed", "done")
    assert [error.message for error in played.state.handled_errors] == ["late"]


def test_r9_an_error_before_finish_fails_the_execution() -> None:
    plan = PlanMaker().node("a").node("b").build()
    played = Run(plan, {"a": ok("done", signals=Signals(finish=True)), "b": err(message="early")}).start()
    played.finish("b")
    played.finish("a")
    assert (played.ended, played.outputs) == ("failed", "done")


FINISH = Signals(finish=True)


def respond(output: str) -> Reply:
    """What a ``response`` node does."""
    return ok(output, signals=FINISH)


def test_r9_first_by_seq_wins_running_nodes_drain_and_the_rest_is_void() -> None:
    maker = PlanMaker(max_concurrent_nodes=3).node("early").chain("f", "after").chain("slow", "later").node("g")
    plan = maker.node("j").edge("early -> j", "later -> j").build()
    played = Run(plan, {"f": respond("first"), "g": respond("second")}).start()
    for instance in ("early", "f", "g"):
        played.finish(instance)
        assert played.ended is None
    assert played.state.status.value == "running"
    played.finish("slow")
    assert (played.ended, played.outputs) == ("completed", "first")
    assert played.statuses() == {
        "early": "completed", "f": "completed", "after": "skipped", "slow": "completed", "later": "skipped",
        "g": "completed", "j": "skipped",
    }  # fmt: skip
    assert played.state.scopes[""].edges == {
        "e2:early>j": True,
        "e0:f>after": None,
        "e1:slow>later": None,
        "e3:later>j": None,
    }
    assert all(event.void for event in played.of_type("node.skipped"))


def test_r9_what_waits_or_has_not_started_is_cancelled() -> None:
    maker = (
        PlanMaker(max_concurrent_nodes=3).node("w").node("p").node("f").node("queued").node("late").edge("w -> late")
    )
    played = Run(maker.build(), {"w": sleeps(START_MS + 60_000), "p": asks(), "f": respond("now")}).start()
    for instance in ("w", "p"):
        played.finish(instance)
    assert "queued" in [call.instance for call in played.pending]
    played.finish("f")
    played.finish("queued")
    assert (played.ended, played.outputs) == ("completed", "now")
    assert played.statuses() == {
        "w": "cancelled", "p": "cancelled", "f": "completed", "queued": "completed", "late": "skipped",
    }  # fmt: skip
    assert played.state.scopes[""].edges == {"e0:w>late": None}


def test_r9_a_ready_node_without_a_slot_never_starts() -> None:
    plan = PlanMaker(max_concurrent_nodes=1).node("f").node("queued").build()
    played = run(plan, {"f": respond("now")})
    assert (played.ended, played.started()) == ("completed", ["f"])
    assert played.statuses()["queued"] == "cancelled"


def test_r9_a_node_that_backs_off_drains_too() -> None:
    maker = PlanMaker().node("f").node("r", retry=PlanRetry(max_attempts=2))
    played = Run(maker.build(), {"f": respond("now"), "r": [err(retryable=True), ok("second")]}).start()
    played.finish("r")
    played.finish("f")
    assert played.ended is None
    played.play()
    assert (played.outputs, played.statuses()["r"]) == ("now", "completed")


@pytest.mark.parametrize("kind", ["loop", "parallel"])
def test_r9_inside_a_container_its_own_rounds_drain_and_none_follows(kind: str) -> None:
    maker = PlanMaker()
    maker = maker.loop("C", max_concurrency=2) if kind == "loop" else maker.parallel("C", max_concurrency=2)
    plan = maker.node("f", scope="C").node("x", scope="C").edge("f -> x").node("tail").edge("C -> tail").build()
    script = {
        "C": items(1, 2, 3),
        "f": lambda call, seen: respond("from 0") if "[0]" in call.instance else ok("drained"),
    }
    played = Run(plan, script).start()
    played.finish("C")
    played.finish("C[0]/f")
    assert played.ended is None
    played.finish("C[1]/f")
    assert (played.ended, played.outputs) == ("completed", "from 0")
    assert played.started() == ["C", "C[0]/f", "C[1]/f"]
    assert played.statuses() == {"C": "completed", "tail": "skipped"}
    assert played.of_type("node.completed")[-1].end_reason == "stopped"


def test_r9_a_finish_survives_its_owner() -> None:
    plan = PlanMaker().chain("f", "after").chain("slow", "later").build()
    played = Run(plan, {"f": respond("kept")}).start()
    played.finish("f")
    played.crash_and_recover()
    assert [call.instance for call in played.pending] == ["slow"]
    played.play()
    assert (played.ended, played.outputs) == ("completed", "kept")
    assert played.statuses() == {"f": "completed", "after": "skipped", "slow": "completed", "later": "skipped"}


@pytest.mark.parametrize("how", ["cancel", "fail"])
def test_r9_cancel_and_a_policy_that_stops_leave_void_edges_and_keep_the_settled(how: str) -> None:
    maker = PlanMaker(on_failure=OnFailure.CANCEL_RUNNING).chain("a", "b", "c").node("x")
    played = Run(maker.build(), {"x": err()}).start()
    played.finish("a")
    if how == "cancel":
        played.send(st.CancelRequested(ts=played.now))
    else:
        played.finish("x")
    assert played.ended == ("cancelled" if how == "cancel" else "failed")
    assert played.state.scopes[""].edges == {"e0:a>b": True, "e1:b>c": None}


def test_r9_nothing_is_void_in_an_execution_that_ran_to_its_end() -> None:
    played = run(PlanMaker().branch("c").chain("a", "b").edge("c x-> a").build(), {"c": err()})
    assert played.ended == "failed"
    assert played.state.scopes[""].edges == {"e0:a>b": False, "e1:c>a": False}
