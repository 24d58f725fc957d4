"""Every arrow of the status tables is taken by an execution that is played here, or named with what will bring it."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import OnFailure
from flowray.engine import events as ev
from flowray.engine import folding
from flowray.engine import stimuli as st
from flowray.engine.machine import new_state
from flowray.engine.signals import ChildCall, NodeError, Signals
from flowray.engine.start_points import Outcome, Selection
from flowray.engine.statuses import EXECUTION_TRANSITIONS, NODE_TRANSITIONS, transition
from flowray.plan import PlanRetry
from tests.engine.harness import LOST, START_MS, Reply, Run, asks, err, items, ok, route, run, sleeps, steps
from tests.engine.plans import PlanMaker

NOT_REACHABLE_YET = {
    # Durability: delayed starts, times to live, recoveries that fail too often, redrive.
    ("queued", "delay"), ("queued", "time_out"), ("queued", "crash"),
    # Of rows only: what is delayed has no events yet, and is claimed as if it were queued.
    ("delayed", "queue"), ("delayed", "start"), ("delayed", "cancel"), ("delayed", "expire"), ("delayed", "time_out"),
    ("running", "crash"), ("waiting", "crash"), ("paused", "crash"), ("crashed", "redrive"),
    # What a person's answer sets free runs first: it waits only after that.
    ("paused", "wait"),
    # Notebook: run-until cancels what was not reached.
    ("node pending", "cancel"),
}  # fmt: skip


def play_everything() -> None:
    """Small executions that together take every arrow a step can decide now."""
    maker = PlanMaker(timeout_ms=90_000).branch("c").node("no").node("a").node("r", retry=PlanRetry(max_attempts=2))
    maker.node("w").edge("c no-> no")
    script: dict[str, Any] = {
        "c": route("yes"), "a": [LOST, ok()], "r": [err(retryable=True), err()], "w": sleeps(START_MS + 80_000),
    }  # fmt: skip
    assert run(maker.build(), script).ended == "failed"
    _waiting_and_paused()
    _cancelled()
    _timed_out()
    _stopped()
    _deadlines_and_children()
    _taken_over()
    assert run(PlanMaker().node("s").build(), {"s": [steps("one"), ok()]}).ended == "completed"


def _taken_over() -> None:
    late = Run(PlanMaker().node("a").build())
    late.send(st.Expire(ts=START_MS))
    assert late.ended == "expired"
    played = Run(PlanMaker().chain("a", "b").node("h").edge("a error-> h").build())
    failure = NodeError(message="boom", code="X")
    given = {"a": Outcome(handles=("error",), failed=True, error=failure), "b": Outcome()}
    played.send(st.Start(ts=START_MS, selection=Selection(given=given)))
    assert played.play().ended == "completed"


def _deadlines_and_children() -> None:
    for slow in (asks(), sleeps(START_MS + 60_000)):
        bounded = Run(PlanMaker().node("p").build(), {"p": slow})
        bounded.send(st.Start(ts=START_MS, deadline_ms=START_MS + 1_000))
        bounded.finish("p")
        bounded.send(st.TimerFired(ts=START_MS + 1_000, timer_id="deadline"))
        assert bounded.ended == "timed_out"
    calls = Reply(signals=Signals(child=ChildCall(workflow_id="w")))
    plan = PlanMaker().node("call", retry=PlanRetry(max_attempts=2)).build()
    parent = Run(plan, {"call": calls}).start()
    parent.finish("call")
    busy = NodeError(message="busy", code="X", retryable=True)
    parent.send(st.ChildEnded(ts=parent.now, instance="call", key="call#1", status="failed", error=busy))
    parent.fire_next_timer()
    parent.finish("call")
    parent.send(st.ChildEnded(ts=parent.now, instance="call", key="call#2", status="failed", error=busy))
    assert parent.ended == "failed"


def _waiting_and_paused() -> None:
    assert run(PlanMaker().chain("w", "b").build(), {"w": sleeps(START_MS + 60_000)}).ended == "completed"
    plan = PlanMaker().node("w").node("p").build()
    script = {"w": sleeps(START_MS + 60_000), "p": asks()}
    played = run(plan, script)
    assert [kind for kind in played.types() if kind.startswith("execution.")] == [
        "execution.started", "execution.waiting", "execution.paused",
    ]  # fmt: skip
    played.send(st.WaitAnswered(ts=played.now, instance="p"))
    assert played.ended == "completed"
    for slow in (asks(), sleeps(START_MS + 60_000)):
        failing = Run(PlanMaker().node("bad").node("p").build(), {"bad": err(), "p": slow}).start()
        failing.finish("p")
        failing.finish("bad")
        failing.send(st.WaitAnswered(ts=failing.now, instance="p"))
        assert failing.ended == "failed"

    held = run(PlanMaker().node("p").build(), {"p": asks()})
    held.send(st.PauseRequested(ts=held.now))
    assert held.state.status.value == "paused"


def _cancelled() -> None:
    plan = PlanMaker(max_concurrent_nodes=1).node("a").node("b").build()
    for script in ({"a": asks(), "b": asks()}, {"a": sleeps(START_MS + 60_000), "b": asks()}):
        for moves in range(4):
            played = Run(plan, script)
            if moves:
                played.start()
            for _ in range(moves - 1):
                played.move()
            played.send(st.CancelRequested(ts=played.now))
            assert played.ended == "cancelled"


def _timed_out() -> None:
    played = Run(PlanMaker(timeout_ms=10).node("a").build()).start()
    played.fire_next_timer()
    assert played.ended == "timed_out"


def _stopped() -> None:
    maker = PlanMaker(on_failure=OnFailure.CANCEL_RUNNING).loop("L").node("x", scope="L").node("bad")
    assert run(maker.build(), {"L": items(1), "bad": err(), "x": asks()}).ended == "failed"


def test_every_arrow_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[tuple[str, str]] = set()

    def recording(table: Any, status: Any, verb: str) -> Any:
        prefix = "node " if table is NODE_TRANSITIONS else ""
        taken.add((prefix + status.value, verb))
        return transition(table, status, verb)

    monkeypatch.setattr(folding, "transition", recording)
    play_everything()
    every = {(status.value, verb) for status, arrows in EXECUTION_TRANSITIONS.items() for verb in arrows}
    every |= {(f"node {status.value}", verb) for status, arrows in NODE_TRANSITIONS.items() for verb in arrows}
    assert every - taken - NOT_REACHABLE_YET == set()
    assert taken & NOT_REACHABLE_YET == set(), "reachable now: take it off the list"
    assert every >= NOT_REACHABLE_YET


def test_arrows_without_a_step_fold_all_the_same() -> None:
    played = Run(PlanMaker().node("a").build()).start()
    folding.apply(played.index, played.state, ev.ExecutionCrashed(ts=1, reason="recovered too often"))
    assert played.state.status.value == "crashed"
    fresh = new_state()
    folding.apply(played.index, fresh, ev.ExecutionExpired(ts=1))
    assert fresh.status.value == "expired"
