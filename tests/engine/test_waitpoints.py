"""Waitpoints in the engine: the first answer counts, time ends, names are shared, several wait at once (R10, R30)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import ErrorStrategy, OnFailure
from flowray.engine import stimuli as st
from flowray.plan import PlanRetry
from tests.engine.harness import START_MS, Reply, Run, asks, err, items, ok, run
from tests.engine.plans import PlanMaker

HOUR_MS = 3_600_000


def answer(played: Run, waitpoint: str, data: Any = None, **fields: Any) -> list[Any]:
    return played.send(st.WaitAnswered(ts=played.now, waitpoint=waitpoint, data=data, **fields))


def waiting(script: Reply, *nodes: str) -> Run:
    """An execution whose first node asks, at rest."""
    return run(PlanMaker().chain("p", *nodes).build(), {"p": script})


def test_r30_a_waitpoint_is_named_by_instance_and_try() -> None:
    played = run(PlanMaker().loop("L").node("p", scope="L").build(), {"L": items("a"), "p": asks(token="t")})
    [event] = played.of_type("node.waiting")
    assert (event.waitpoint, event.pause.token, event.wait_kind) == ("L[0]/p#1", "t", "person")
    node = played.state.scopes["L[0]"].nodes["p"]
    assert (node.waitpoint, node.waiting_since) == ("L[0]/p#1", event.ts)


def test_the_answer_becomes_output_and_variables() -> None:
    played = waiting(asks(variables=("verdict",)), "b")
    events = answer(played, "p#1", "yes", by="ann", variables={"given": 1})
    closed, completed = events[:2]
    assert (closed.waitpoint, closed.status, closed.data, closed.by) == ("p#1", "completed", "yes", "ann")
    assert (completed.output, completed.by) == ("yes", "ann")
    assert played.state.variables == {"verdict": "yes", "given": 1}
    assert played.play().ended == "completed"
    assert played.root()["p"].pause is None


def test_r25_only_the_first_answer_counts() -> None:
    played = waiting(asks(), "b")
    answer(played, "p#1", 1)
    assert answer(played, "p#1", 2) == []
    assert answer(played, "p#7", 3) == []
    assert played.play().output_of("p") == 1


def test_an_answer_that_looks_like_a_stored_value_fails_the_node() -> None:
    played = waiting(asks(), "b")
    answer(played, "p#1", {"$flowray": "stored"})
    assert (played.play().ended, played.state.errors[0].code) == ("failed", "INVALID_INPUT")


def test_nobody_answers_in_time() -> None:
    played = waiting(asks(timeout_ms=HOUR_MS), "b")
    assert played.ended == "failed"
    assert played.of_type("waitpoint.closed")[0].status == "timed_out"
    error = played.state.errors[0]
    assert (error.code, error.node_id) == ("WAITPOINT_TIMEOUT", "p")
    assert error.message == "Nobody answered 'p' within 3600000 ms"
    assert played.now == START_MS + 1 + HOUR_MS


def test_a_timeout_takes_the_error_port() -> None:
    plan = PlanMaker().node("p", error_port=True).node("late").node("next").edge("p error-> late", "p -> next").build()
    played = run(plan, {"p": asks(timeout_ms=10)})
    assert (played.ended, played.completed, played.skipped) == ("completed", {"late"}, {"next"})


def test_a_timeout_follows_on_error() -> None:
    plan = PlanMaker().node("p", on_error=ErrorStrategy.FALLBACK, fallback_value="none").build()
    assert run(plan, {"p": asks(timeout_ms=10)}).outputs == {"p": "none"}


@pytest.mark.parametrize("value", [None, "nobody", {"approved": False}])
def test_a_timeout_may_be_an_answer(value: Any) -> None:
    played = waiting(asks(timeout_ms=10, timeout_value=value, variables=("verdict",)), "b")
    assert (played.ended, played.output_of("p")) == ("completed", value)
    assert played.state.variables == {"verdict": value}
    assert played.of_type("waitpoint.closed")[0].status == "timed_out"


def test_a_retried_timeout_asks_anew_under_another_key() -> None:
    plan = PlanMaker().node("p", retry=PlanRetry(max_attempts=2, codes=("WAITPOINT_TIMEOUT",))).build()
    played = Run(plan, {"p": asks(timeout_ms=10)}).start()
    played.finish("p")
    played.fire_next_timer()
    played.fire_next_timer()
    played.finish("p")
    assert played.root()["p"].waitpoint == "p#2"
    assert answer(played, "p#1", "too late") == []
    answer(played, "p#2", "in time")
    assert played.outputs == {"p": "in time"}


def test_an_expiry_that_an_answer_overtook_means_nothing() -> None:
    played = waiting(asks(), "b")
    answer(played, "p#1", 1)
    assert played.send(st.WaitExpired(ts=played.now, waitpoint="p#1")) == []


def test_the_timer_is_forgotten_with_the_answer() -> None:
    played = Run(PlanMaker().node("p").build(), {"p": asks(timeout_ms=HOUR_MS)}).start()
    played.finish("p")
    assert played.timers == {"wait:1:p": played.now + HOUR_MS}
    answer(played, "p#1", 1)
    assert (played.timers, played.ended) == ({}, "completed")


def test_r32_another_owner_keeps_the_time_and_the_token() -> None:
    played = Run(PlanMaker().node("p").build(), {"p": asks(timeout_ms=HOUR_MS, token="secret")}).start()
    played.finish("p")
    due = dict(played.timers)
    played.crash_and_recover()
    pause = played.root()["p"].pause
    assert pause is not None
    assert (played.timers, pause.token, played.root()["p"].waitpoint) == (due, "secret", "p#1")
    answer(played, "p#1", 1)
    assert played.outputs == {"p": 1}


def test_several_wait_at_once_in_loops_and_parallels() -> None:
    maker = PlanMaker().parallel("P").loop("L", scope="P").node("p", scope="L").node("top").node("end")
    played = run(maker.edge("P -> end", "top -> end").build(), {"P": items(1, 2), "L": items("a"), "p": asks(),
                                                               "top": asks()})  # fmt: skip
    keys = {node.waitpoint for scope in played.state.scopes.values() for node in scope.nodes.values() if node.pause}
    assert keys == {"P[0]/L[0]/p#1", "P[1]/L[0]/p#1", "top#1"}
    for number, key in enumerate(sorted(keys, reverse=True)):
        assert played.ended is None
        answer(played, key, number)
        played.play()
    assert (played.ended, played.output_of("P")) == ("completed", [[2], [1]])


def test_a_callback_makes_the_execution_wait_instead_of_pause() -> None:
    """R20: only a person makes it paused."""
    played = waiting(asks(kind="callback"), "b")
    assert played.state.status.value == "waiting"
    answer(played, "p#1", 1)
    assert played.play().ended == "completed"


def test_r10_cancelling_closes_waitpoints() -> None:
    played = waiting(asks(), "b")
    played.send(st.CancelRequested(ts=played.now))
    assert [event.status for event in played.of_type("waitpoint.closed")] == ["cancelled"]
    assert answer(played, "p#1", 1) == []


def test_r10_a_failure_elsewhere_leaves_it_open_or_closes_it() -> None:
    for policy, status in ((OnFailure.RUN_INDEPENDENT, None), (OnFailure.FINISH_RUNNING, "failed")):
        plan = PlanMaker(on_failure=policy).node("p").node("bad").build()
        played = run(plan, {"p": asks(), "bad": err()})
        assert played.ended == status
    played = run(PlanMaker().node("p").node("bad").build(), {"p": asks(), "bad": err()})
    answer(played, "p#1", 1)
    assert played.ended == "failed"


# -- named ones ---------------------------------------------------------------------------------------------------


def test_r30_a_named_one_may_be_answered_before_anybody_waits() -> None:
    played = Run(PlanMaker().chain("a", "p", "b").build(), {"p": asks(name="go", timeout_ms=HOUR_MS)}).start()
    answer(played, "/go", "early", by="ann")
    assert answer(played, "/go", "again") == []
    played.play()
    assert (played.ended, played.output_of("p"), played.timers) == ("completed", "early", {})
    assert played.of_type("node.waiting")[0].waitpoint == "/go"


def test_an_early_answer_survives_its_owner() -> None:
    played = Run(PlanMaker().chain("a", "p").build(), {"p": asks(name="go")}).start()
    answer(played, "/go", "early")
    played.crash_and_recover()
    assert played.play().output_of("p") == "early"


def test_a_named_one_is_shared() -> None:
    plan = PlanMaker().node("p").node("q").chain("a", "r").build()
    played = Run(plan, dict.fromkeys("pqr", asks(name="go"))).start()
    played.finish("p")
    played.finish("q")
    answer(played, "/go", 7)
    assert {name: played.output_of(name) for name in "pq"} == {"p": 7, "q": 7}
    assert played.play().output_of("r") == 7
    assert len(played.of_type("waitpoint.closed")) == 1


def test_a_named_one_that_timed_out_is_over_for_all() -> None:
    plan = PlanMaker().node("p", on_error=ErrorStrategy.CONTINUE).chain("a", "q").build()
    slow = [Reply(silent=True), ok()]
    played = Run(plan, {"p": asks(name="go", timeout_ms=10), "a": slow, "q": asks(name="go")}).start()
    played.finish("p")
    call = played.call("a")
    played.fire_next_timer()
    played.script = {**played.script, "a": ok()}
    played.answer(call)
    assert (played.play().ended, played.state.errors[0].code) == ("failed", "WAITPOINT_TIMEOUT")
