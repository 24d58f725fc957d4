"""Nodes that do their work in steps: what is committed is not done again, whatever happens in between (R23, R31)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import OnFailure
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode, StartChild, StopChild
from flowray.engine.retries import MAX_LOSSES
from flowray.engine.signals import Answer, ChildCall, NodeError, Pause, Signals, Step, Usage, VariableOperation, Wait
from flowray.plan import PlanRetry
from flowray.values import StoredValue
from tests.engine.harness import LOST, START_MS, Reply, Run, asks, err, lines, ok, run, steps
from tests.engine.plans import PlanMaker


def _plan(**fields: Any) -> Any:
    return PlanMaker().chain("a", "b").build() if not fields else PlanMaker().node("a", **fields).build()


def _calls(played: Run) -> list[tuple[int, int, int]]:
    """``(attempt, step, try)`` of each dispatch of the node."""
    found = [command for command in played.commands if isinstance(command, RunNode) and command.instance == "a"]
    return [(command.attempt, command.step, command.tries) for command in found]


def _journal(played: Run) -> Any:
    return played.root()["a"].journal


def test_a_node_goes_on_from_step_to_step_until_it_completes() -> None:
    played = run(_plan(), {"a": [steps("one", {"n": 1}), steps("two", {"n": 2}), ok("done")]})
    assert played.ended == "completed"
    assert _calls(played) == [(1, 0, 1), (2, 1, 1), (3, 2, 1)]
    assert [line for line in lines(played.events) if line.endswith(" a")] == [
        "node.ready a", "node.started a", "node.stepped a", "node.ready a", "node.started a", "node.stepped a",
        "node.ready a", "node.started a", "node.completed a",
    ]  # fmt: skip
    assert [(e.step, e.name, e.journal) for e in played.of_type("node.stepped")] == [
        (1, "one", {"n": 1}), (2, "two", {"n": 2}),
    ]  # fmt: skip
    assert [event.step for event in played.of_type("node.started") if event.instance == "a"] == [0, 1, 2]
    assert played.output_of("a") == "done"


def test_the_journal_is_there_for_the_next_step_and_gone_after_the_end() -> None:
    played = Run(_plan(), {"a": [steps("one", {"n": 1}), ok()]}).start()
    played.finish("a")
    assert (_journal(played), played.root()["a"].step) == ({"n": 1}, 1)
    assert played.state.resident_bytes == len(b'{"n":1}')
    played.finish("a")
    assert (_journal(played), played.state.resident_bytes) == (None, 0)


def test_a_stored_journal_takes_no_room_and_is_dropped_when_the_next_one_is_there() -> None:
    wire = {"$flowray": "stored", "payload_id": "e.1", "bytes": 70_000, "length": 2, "preview": "…"}
    played = Run(_plan(), {"a": [steps("one", wire), steps("two", 2), ok()]}).start()
    played.finish("a")
    assert isinstance(_journal(played), StoredValue)
    assert played.state.resident_bytes == 0
    played.finish("a")
    dropped = [command for command in played.commands if type(command).__name__ == "PruneOutputs"]
    assert [command.payload_ids for command in dropped] == [("e.1",)]  # type: ignore[union-attr]


def test_a_lost_attempt_repeats_its_step_and_no_earlier_one() -> None:
    """R31: the try, and with it the idempotency key, stays; the step that is done stays done."""
    played = run(_plan(), {"a": [steps("one", 1), LOST, LOST, ok()]})
    assert _calls(played) == [(1, 0, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)]
    assert len(played.of_type("node.stepped")) == 1


def test_losses_count_for_each_step_by_itself() -> None:
    replies = [reply for number in range(3) for reply in (*[LOST] * MAX_LOSSES, steps(f"s{number}", number))]
    assert run(_plan(), {"a": [*replies, ok()]}).ended == "completed"
    played = run(_plan(), {"a": [steps("one"), *[LOST] * (MAX_LOSSES + 1)]})
    assert (played.ended, played.of_type("node.failed")[0].error.code) == ("failed", "NODE_LOST")


def test_a_failing_step_is_tried_again_from_what_the_one_before_has_left() -> None:
    plan = _plan(retry=PlanRetry(max_attempts=2))
    bad = err(retryable=True)
    played = run(plan, {"a": [bad, steps("one", 1), bad, steps("two", 2), bad, ok()]})
    assert played.ended == "completed"
    assert _calls(played) == [(1, 0, 1), (2, 0, 2), (3, 1, 1), (4, 1, 2), (5, 2, 1), (6, 2, 2)]
    assert run(plan, {"a": [steps("one", 1), bad, bad]}).ended == "failed"


def test_usage_and_variables_of_a_step_count_at_once_and_only_once() -> None:
    maker = PlanMaker().node("a")
    maker.variables = {"n": 0}
    step = Reply(
        signals=Signals(step=Step("one")), usage=Usage(input_tokens=5),
        variables=(VariableOperation("increment", "n", 1),),
    )  # fmt: skip
    played = Run(maker.build(), {"a": [step, LOST, step, ok(usage=Usage(input_tokens=1))]}).start()
    played.finish("a")
    assert (played.state.variables["n"], played.state.usage.input_tokens) == (1, 5)
    played.play()
    assert (played.state.variables["n"], played.state.usage.input_tokens) == (2, 11)


def test_the_text_of_successive_steps_is_one_stream() -> None:
    """R33: offsets go on, and a reset takes back no more than the step that is repeated."""
    played = Run(_plan(), {"a": [steps("one", 1), LOST, ok()]}).start()

    def say(attempt: int, offset: int, text: str) -> None:
        said = {"instance": "a", "attempt": attempt, "stream_id": "llm-a", "offset": offset, "text": text}
        played.send(st.TokensProduced(ts=played.now, **said))

    say(1, 0, "Hel")
    say(1, 3, "lo")
    played.finish("a")
    assert played.root()["a"].stream_offset == 5
    say(2, 5, " wor")
    played.finish("a")
    [reset] = played.of_type("stream.reset")
    assert (reset.attempt, reset.offset) == (2, 5)
    say(3, 5, " world")
    assert played.root()["a"].stream_end == 11


# -- waiting between steps -----------------------------------------------------------------------------------------


def _asking(**fields: Any) -> Reply:
    return steps("ask", {"asked": True}, pause=Pause(reason="may I?", **fields))


def test_a_person_answers_between_two_steps_and_the_node_goes_on() -> None:
    played = run(_plan(), {"a": [_asking(), ok("done")]})
    assert played.state.status.value == "paused"
    [waiting] = played.of_type("node.waiting")
    assert (waiting.waitpoint, waiting.continues) == ("a#1.0", True)
    played.send(st.WaitAnswered(ts=played.now, waitpoint="a#1.0", data={"ok": True}, by="ann"))
    assert played.root()["a"].answer == Answer({"ok": True}, by="ann")
    assert _journal(played) == {"asked": True}
    assert played.play().output_of("a") == "done"
    assert _calls(played) == [(1, 0, 1), (2, 1, 1)]


def test_each_question_has_a_waitpoint_of_its_own() -> None:
    """R30: the id follows from the step and its try."""
    plan = _plan(retry=PlanRetry(max_attempts=3))
    played = run(plan, {"a": [_asking(), err(retryable=True), _asking(), ok()]})
    played.send(st.WaitAnswered(ts=played.now, waitpoint="a#1.0", data=1))
    played.play()
    played.send(st.WaitAnswered(ts=played.now, waitpoint="a#1.0", data=2))  # Of the first one: too late.
    assert played.state.status.value == "paused"
    played.send(st.WaitAnswered(ts=played.now, waitpoint="a#2.0", data=3))
    assert (played.play().ended, [e.output for e in played.of_type("node.answered")]) == ("completed", [1, 3])


def test_an_answer_stays_until_the_step_that_was_told_it_is_done() -> None:
    played = run(_plan(), {"a": [_asking(), LOST, steps("two", 2), ok()]})
    played.send(st.WaitAnswered(ts=played.now, waitpoint="a#1.0", data="yes"))
    played.finish("a")
    assert played.root()["a"].answer == Answer("yes")
    played.finish("a")
    assert played.root()["a"].answer is None


def test_the_end_of_the_time_to_answer_is_told_as_an_error() -> None:
    played = run(_plan(), {"a": [_asking(timeout_ms=1_000), ok("without")]})
    [told] = played.of_type("node.answered")
    assert (told.error.code, told.error.node_id, played.ended) == ("WAITPOINT_TIMEOUT", "a", "completed")


def test_a_value_instead_of_an_answer_is_an_answer() -> None:
    played = run(_plan(), {"a": [_asking(timeout_ms=1_000, timeout_value="no"), ok()]})
    assert played.of_type("node.answered")[0].output == "no"


def test_a_named_waitpoint_that_was_answered_before_answers_at_once() -> None:
    played = Run(_plan(), {"a": [_asking(name="go"), ok()]}).start()
    played.send(st.WaitAnswered(ts=played.now, waitpoint="/go", data="early"))
    assert played.play().of_type("node.answered")[0].output == "early"


def test_time_passes_between_two_steps() -> None:
    played = run(_plan(), {"a": [steps("nap", 1, wait=Wait(until_ms=START_MS + 60_000)), ok()]})
    assert (played.ended, played.now >= START_MS + 60_000) == ("completed", True)
    assert _calls(played) == [(1, 0, 1), (2, 1, 1)]


def _calling() -> Reply:
    return steps("call", {"called": True}, child=ChildCall(workflow_id="w"))


def _child_ended(played: Run, status: str, **fields: Any) -> None:
    played.send(
        st.ChildEnded(ts=played.now, instance="a", key="a#1.0", status=status, child_id="c1", **fields)
    )  # fmt: skip


def test_a_workflow_is_called_between_two_steps() -> None:
    """R19: its outputs and what it has used are told to the next step."""
    played = run(_plan(), {"a": [_calling(), ok()]})
    [start] = [command for command in played.commands if isinstance(command, StartChild)]
    assert start.key == "a#1.0"
    _child_ended(played, "completed", outputs={"x": 1}, usage=Usage(output_tokens=7))
    [told] = played.of_type("node.answered")
    assert (told.output, played.state.usage.output_tokens) == ({"x": 1}, 7)
    assert (played.root()["a"].child, played.root()["a"].child_id) == (None, "")
    assert played.play().ended == "completed"


@pytest.mark.parametrize("status", ["failed", "cancelled", "timed_out", "refused"])
def test_the_failure_of_a_called_workflow_is_told(status: str) -> None:
    played = run(_plan(), {"a": [_calling(), ok("anyway")]})
    cause = NodeError(message="boom", code="BAD", retryable=True)
    _child_ended(played, status, error=cause)
    assert played.play().ended == "completed"
    assert played.of_type("node.answered")[0].error.code == "BAD"
    assert played.of_type("node.retrying") == []


def test_a_workflow_that_takes_too_long_is_cancelled_and_the_node_is_told() -> None:
    played = run(_plan(timeout_ms=5_000), {"a": [_calling(), ok("anyway")]})
    assert [type(command) for command in played.commands].count(StopChild) == 1
    assert (played.of_type("node.answered")[0].error.code, played.ended) == ("NODE_TIMEOUT", "completed")


# -- other owners, other ends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moves", range(9))
def test_an_owner_may_die_anywhere_and_no_step_is_done_twice(moves: int) -> None:
    """R23, R29: what is in the log stays; only the attempt that was under way runs again."""
    played = Run(_plan(), {"a": [steps("one", 1), steps("two", 2), _asking(), ok("done")]}).start()
    for _ in range(moves):
        played.move()
    done = [event.step for event in played.of_type("node.stepped")]
    played.calls["a"] = len(done)  # The script is by steps: what is repeated says the same again.
    played.crash_and_recover()
    played.play()
    if played.ended is None:
        played.send(st.WaitAnswered(ts=played.now, waitpoint="a#3.0", data="yes"))
        played.play()
    assert played.ended == "completed"
    assert [event.step for event in played.of_type("node.stepped")] == [1, 2, 3]


def test_a_held_execution_rests_between_two_steps() -> None:
    """R20: what runs drains, and a step that follows is something new."""
    played = Run(_plan(), {"a": [steps("one", 1), ok()]}).start()
    played.send(st.PauseRequested(ts=played.now))
    played.finish("a")
    assert (played.pending, played.root()["a"].status.value) == ([], "ready")
    played.send(st.ResumeRequested(ts=played.now))
    assert played.play().ended == "completed"


def test_what_was_begun_drains_step_by_step_when_nothing_new_may_start() -> None:
    """R10: under finish_running."""
    maker = PlanMaker(on_failure=OnFailure.FINISH_RUNNING).node("a").node("bad")
    played = Run(maker.build(), {"a": [steps("one", 1), ok("kept")], "bad": err()}).start()
    played.finish("bad")
    assert played.play().ended == "failed"
    assert played.output_of("a") == "kept"


def test_a_cancelled_wait_between_steps_closes_its_waitpoint() -> None:
    played = run(_plan(), {"a": [_asking(), ok()]})
    played.send(st.CancelRequested(ts=played.now))
    assert [event.status for event in played.of_type("waitpoint.closed")] == ["cancelled"]
    [cancelled] = played.of_type("node.cancelled")
    assert (cancelled.attempt, cancelled.continues, played.ended) == (1, True, "cancelled")


def test_what_is_cancelled_between_two_steps_is_the_one_that_has_not_begun() -> None:
    played = Run(_plan(), {"a": [steps("one", 1), ok()]}).start()
    played.send(st.PauseRequested(ts=played.now))
    played.finish("a")
    played.send(st.CancelRequested(ts=played.now))
    [cancelled] = [event for event in played.of_type("node.cancelled") if event.instance == "a"]
    assert (cancelled.attempt, cancelled.started_at) == (2, 0)


@pytest.mark.parametrize(
    "end", [{"selected_routes": ("x",)}, {"is_terminal": True}, {"finish": True}, {"activate_error_port": True},
            {"loop_control": "break"}],
)  # fmt: skip
def test_a_step_is_no_end(end: dict[str, Any]) -> None:
    played = run(_plan(), {"a": steps("one", 1, **end)})
    assert played.of_type("node.failed")[0].error.message.startswith("The result of 'a' asks for a further step")


def test_an_answer_with_the_reserved_key_is_told_as_an_error() -> None:
    played = run(_plan(), {"a": [_asking(), ok()]})
    played.send(st.WaitAnswered(ts=played.now, waitpoint="a#1.0", data={"$flowray": "x"}))
    assert played.of_type("node.answered")[0].error.code == "INVALID_INPUT"


def test_a_pause_without_a_step_still_completes_with_its_answer() -> None:
    played = run(_plan(), {"a": asks()})
    played.send(st.WaitAnswered(ts=played.now, waitpoint="a#1", data="yes"))
    assert played.output_of("a") == "yes"
