"""The execution's error handler and its deadline (R14, R20)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.plan import ExecutionPlan
from tests.compiler.workflows import codes, compile_text, plan_of
from tests.engine.harness import START_MS, Run, asks, err, ok, run, sleeps

HANDLER = {"settings": {"errorHandler": "h"}}


def plan(**settings: Any) -> ExecutionPlan:
    """``in -> a -> out``, ``in -> b``, and the handler's path ``h -> tell``."""
    return plan_of(
        "in:input a b out:output h tell", "in>a a>out in>b h>tell", {"h": {"text": "{{error.message}}"}},
        settings={"errorHandler": "h", **settings},
    )  # fmt: skip


def test_r20_it_is_entered_once_when_all_else_has_settled() -> None:
    played = Run(plan(), {"a": err("HTTP_ERROR", "no answer")}).start()
    played.finish("in")
    played.finish("a")
    assert [call.instance for call in played.pending] == ["b"]
    played.finish("b")
    assert [call.instance for call in played.pending] == ["h"]
    assert played.slices["h"].bound["error"]["message"] == "no answer"
    assert [error["code"] for error in played.slices["h"].bound["errors"]] == ["HTTP_ERROR"]
    played.play()
    assert (played.ended, played.state.errors[0].node_id) == ("failed", "a")
    assert played.completed == {"in", "b", "h", "tell"}
    assert len(played.of_type("execution.handling_error")) == 1


def test_r20_without_a_failure_it_is_skipped() -> None:
    played = run(plan())
    assert played.ended == "completed"
    assert played.skipped == {"h", "tell"}


def test_a_handled_error_does_not_enter_it() -> None:
    result = plan_of("in:input a saved h", "in>a a-error>saved", **HANDLER)
    played = run(result, {"a": err()})
    assert (played.ended, played.skipped) == ("completed", {"h"})


@pytest.mark.parametrize("policy", ["finish_running", "cancel_running"])
def test_r20_policies_that_stop_come_first(policy: str) -> None:
    played = run(plan(onFailure=policy, maxConcurrentNodes=1), {"a": err()})
    assert (played.ended, played.completed) == ("failed", {"in", "h", "tell"})
    assert not {"out", "b"} & played.completed


def test_r20_its_own_failure_is_listed_and_ends_it() -> None:
    played = run(plan(), {"a": err(), "h": err("HTTP_ERROR")})
    assert played.ended == "failed"
    assert [error.node_id for error in played.state.errors] == ["a", "h"]
    assert "tell" in played.skipped


def test_r20_it_does_not_run_on_cancel() -> None:
    played = Run(plan()).start()
    played.send(st.CancelRequested(ts=played.now))
    assert (played.ended, played.of_type("execution.handling_error")) == ("cancelled", [])


def test_r20_it_may_wait_but_not_pause() -> None:
    played = run(plan(), {"a": err(), "h": asks()})
    assert [error.code for error in played.state.errors] == ["NODE_FAILED", "SIGNAL_UNSUPPORTED"]
    waited = run(plan(), {"a": err(), "h": sleeps(START_MS + 60_000)})
    assert (waited.ended, waited.statuses()["tell"]) == ("failed", "completed")


def test_r29_an_owner_that_dies_while_it_runs() -> None:
    played = Run(plan(), {"a": err()}).start()
    for name in ("in", "a", "b"):
        played.finish(name)
    played.crash_and_recover()
    played.play()
    assert (played.ended, played.statuses()["tell"]) == ("failed", "completed")
    assert len(played.of_type("execution.handling_error")) == 1


@pytest.mark.parametrize(("edges", "handler"), [
    ("in>a a>b h>tell", "gone"), ("in>a a>h h>tell", "h"), ("in>a h>a a>tell", "h"), ("in>a h>tell", "in"),
])  # fmt: skip
def test_a_handler_must_have_a_path_of_its_own(edges: str, handler: str) -> None:
    result = compile_text("in:input a b h tell", edges, settings={"errorHandler": handler}, entryPoint="in")
    assert ("INVALID_ERROR_HANDLER", handler) in codes(result, "error")


def test_it_may_read_the_rest_and_is_reachable() -> None:
    result = compile_text("in:input a h", "in>a", {"h": {"x": "{{a.v}} {{error.code}}"}}, **HANDLER)
    assert [code for code, _ in codes(result)] == ["REFERENCE_NOT_UPSTREAM"]
    played = run(result.require(), {"a": err()})
    assert played.completed == {"in", "h"}


def test_the_deadline_is_absolute_and_runs_on_while_a_person_is_awaited() -> None:
    deadline = START_MS + 5_000
    played = Run(plan_of("in:input a", "in>a"), {"a": asks()})
    played.send(st.Start(ts=START_MS, deadline_ms=deadline))
    played.finish("in")
    played.finish("a")
    assert played.state.status.value == "paused"
    assert played.timers == {"deadline": deadline}
    played.crash_and_recover()
    assert played.timers == {"deadline": deadline}
    played.fire_next_timer()
    assert played.ended == "timed_out"
    assert played.of_type("execution.timed_out")[0].error.message == "The execution's deadline has passed"


def test_an_early_deadline_timer_means_nothing() -> None:
    played = Run(plan_of("in:input a", "in>a"), {"in": ok(1)})
    played.send(st.Start(ts=START_MS, deadline_ms=START_MS + 5_000))
    assert played.send(st.TimerFired(ts=START_MS + 1, timer_id="deadline")) == []
    assert played.play().ended == "completed"


def test_r14_a_deadline_that_has_passed_lets_nothing_begin() -> None:
    played = Run(plan())
    played.send(st.Start(ts=START_MS, deadline_ms=START_MS))
    assert (played.ended, played.of_type("node.started")) == ("timed_out", [])


def test_r14_a_deadline_that_passed_while_nobody_drove_lets_nothing_begin_again() -> None:
    played = Run(plan())
    played.send(st.Start(ts=START_MS, deadline_ms=START_MS + 5_000))
    begun = len(played.of_type("node.started"))
    played.send(st.Recovered(ts=START_MS + 5_000, epoch=2))
    assert (played.ended, len(played.of_type("node.started"))) == ("timed_out", begun)
