"""Pauses on request (R20): nothing new starts, what runs drains, what waits goes on waiting; resume lets it go on."""

from __future__ import annotations

from typing import Any

from flowray.definition.policies import OnFailure
from flowray.engine import stimuli as st
from tests.engine.harness import LOST, START_MS, Run, asks, err, items, ok, run, sleeps
from tests.engine.plans import PlanMaker


def pause(played: Run, **fields: Any) -> list[Any]:
    return played.send(st.PauseRequested(ts=played.now, **fields))


def resume(played: Run, **fields: Any) -> list[Any]:
    return played.send(st.ResumeRequested(ts=played.now, **fields))


def test_what_runs_drains_and_nothing_new_starts() -> None:
    played = Run(PlanMaker().chain("a", "b").build()).start()
    [event] = pause(played, reason="coffee", by="ann")
    assert (event.requested, event.reason, event.by, played.state.status.value) == (True, "coffee", "ann", "paused")
    played.play()
    assert (played.statuses(), played.state.status.value) == ({"a": "completed", "b": "ready"}, "paused")
    resume(played)
    assert (played.play().ended, played.calls) == ("completed", {"a": 1, "b": 1})


def test_resume_may_change_variables() -> None:
    played = Run(PlanMaker().chain("a", "b").build()).start()
    pause(played)
    [event, *_] = resume(played, variables={"given": "milk", "n": 42}, by="ann")
    assert (event.by, [(change.name, change.value) for change in event.variables]) == (
        "ann", [("given", "milk"), ("n", 42)],
    )  # fmt: skip
    played.play()
    assert played.slices["b"].variables == {"given": "milk", "n": 42}


def test_repeats_mean_nothing() -> None:
    played = Run(PlanMaker().chain("a", "b").build()).start()
    assert resume(played, variables={"x": 1}) == []
    pause(played, reason="first")
    assert pause(played, reason="second") == []
    assert played.state.hold is not None
    assert played.state.hold.reason == "first"
    resume(played)
    assert resume(played) == []


def test_many_cycles() -> None:
    played = Run(PlanMaker().chain("a", "b", "c").build()).start()
    for _ in range(50):
        pause(played)
        resume(played)
    assert played.play().ended == "completed"


def test_answers_and_timers_that_come_meanwhile_count() -> None:
    """R20: what follows from them is held back."""
    plan = PlanMaker().chain("w", "x").chain("p", "y").build()
    played = Run(plan, {"w": sleeps(START_MS + 60_000, "rested"), "p": asks()}).start()
    played.finish("w")
    played.finish("p")
    pause(played)
    played.fire_next_timer()
    played.send(st.WaitAnswered(ts=played.now, waitpoint="p#1", data="yes"))
    assert played.statuses() == {"w": "completed", "x": "ready", "p": "completed", "y": "ready"}
    assert played.state.status.value == "paused"
    resume(played)
    assert played.play().ended == "completed"


def test_an_execution_that_has_nothing_left_stays_paused_until_it_is_resumed() -> None:
    played = Run(PlanMaker().node("a").build()).start()
    pause(played)
    played.play()
    assert (played.statuses(), played.ended) == ({"a": "completed"}, None)
    resume(played)
    assert played.ended == "completed"


def test_one_that_waits_for_a_person_may_be_paused_as_well() -> None:
    played = run(PlanMaker().chain("p", "b").build(), {"p": asks()})
    pause(played)
    played.send(st.WaitAnswered(ts=played.now, waitpoint="p#1"))
    assert (played.statuses(), played.state.status.value) == ({"p": "completed", "b": "ready"}, "paused")
    resume(played)
    assert played.play().ended == "completed"


def test_resumed_while_something_still_waits() -> None:
    played = Run(PlanMaker().node("w").build(), {"w": sleeps(START_MS + 60_000)}).start()
    played.finish("w")
    pause(played)
    resume(played)
    assert [kind for kind in played.types() if kind.startswith("execution.")] == [
        "execution.started", "execution.waiting", "execution.paused", "execution.resumed", "execution.waiting",
    ]  # fmt: skip


def test_paused_time_is_not_active_time() -> None:
    """R14."""
    played = Run(PlanMaker(timeout_ms=1_000).chain("a", "b").build()).start()
    played.now += 400
    pause(played)
    assert played.timers == {}
    played.now += 1_000_000
    resume(played)
    assert played.timers == {"execution": played.now + 600}
    assert played.play().ended == "completed"


def test_the_deadline_runs_on() -> None:
    """R20."""
    played = Run(PlanMaker().chain("a", "b").build())
    played.send(st.Start(ts=played.now, deadline_ms=played.now + 100))
    pause(played)
    played.play()
    assert played.ended == "timed_out"


def test_cancel_beats_pause() -> None:
    played = Run(PlanMaker().chain("a", "b").build()).start()
    pause(played)
    played.send(st.CancelRequested(ts=played.now, reason="enough"))
    assert (played.ended, played.state.cancel_reason) == ("cancelled", "enough")
    assert pause(played) == []


def test_a_failure_that_stops_ends_it_though_it_is_paused() -> None:
    """R10."""
    for policy, ended in ((OnFailure.FINISH_RUNNING, "failed"), (OnFailure.RUN_INDEPENDENT, None)):
        played = Run(PlanMaker(on_failure=policy).node("a").chain("b", "c").build(), {"a": err()}).start()
        pause(played)
        played.play()
        assert played.ended == ended


def test_a_new_owner_keeps_it_paused() -> None:
    played = Run(PlanMaker().chain("a", "b").build()).start()
    pause(played)
    played.crash_and_recover()
    assert (played.pending, played.state.status.value, played.statuses()["a"]) == ([], "paused", "ready")
    resume(played)
    assert (played.play().ended, played.calls) == ("completed", {"a": 1, "b": 1})


def test_an_attempt_that_is_lost_meanwhile_starts_again_only_when_resumed() -> None:
    played = Run(PlanMaker().node("a").build(), {"a": [LOST, ok(1)]}).start()
    pause(played)
    played.play()
    assert played.calls == {"a": 1}
    resume(played)
    assert (played.play().ended, played.calls) == ("completed", {"a": 2})


def test_loops_rest_between_nodes_too() -> None:
    played = Run(PlanMaker().loop("L").chain("x", "y", scope="L").build(), {"L": items(1, 2)}).start()
    played.finish("L")
    pause(played)
    played.play()
    assert played.calls == {"L": 1, "L[0]/x": 1}
    resume(played)
    assert (played.play().ended, played.calls["L[0]/x"] + played.calls["L[1]/x"]) == ("completed", 2)


def test_a_pause_before_the_start_means_nothing() -> None:
    played = Run(PlanMaker().node("a").build())
    assert pause(played) == []
