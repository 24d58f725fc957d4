"""R38: what a lane holds for a new owner, and what it cancels."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.runtime import held_attempts
from flowray.runtime.held_attempts import RESULT_KEPT_MS, Adoption, HeldAttempt, HeldAttempts, adoptions_by_execution


def task(instance: str = "a", attempt: int = 1, epoch: int = 1, **fields: Any) -> NodeTask:
    return NodeTask(
        execution_id="e1", instance=instance, node_id=instance, node_type="x", attempt=attempt, epoch=epoch, **fields
    )


def done(held: HeldAttempt, output: Any = None) -> st.AttemptSucceeded:
    return st.AttemptSucceeded(ts=1, instance=held.task.instance, attempt=held.task.attempt, output=output)


def tokens(held: HeldAttempt, offset: int, text: str) -> st.TokensProduced:
    return st.TokensProduced(
        ts=1, instance=held.task.instance, attempt=held.task.attempt, stream_id="s", offset=offset, text=text, tokens=1
    )


def test_r38_what_runs_is_adopted_and_speaks_for_its_new_owner() -> None:
    held = HeldAttempts(10)
    attempt = held.begin("o1", task(incarnation=7))
    adopted = held.adopt("o2", Adoption("e1", 2, 9, (("a", 1, 1),)))
    assert adopted == [("e1", "a", 1)]
    assert (attempt.owner_id, attempt.muted, attempt.cancellation.is_cancelled) == ("o2", True, False)
    assert attempt.signed(done(attempt)).incarnation == 9
    assert list(held.unmute("o1", "e1")) == []
    assert list(held.unmute("o2", "e1")) == [attempt]
    assert list(held.unmute("o2", "e1")) == []


def test_r38_a_result_that_nobody_acknowledged_is_kept() -> None:
    held = HeldAttempts(10)
    attempt = held.begin("o1", task(outputs={"before": "x" * 1_000}))
    result = done(attempt, 5)
    attempt.note(result)
    held.end(attempt, now_ms=0)
    assert len(held) == 0
    assert held.adopt("o2", Adoption("e1", 2, 9, (("a", 1, 1),))) == [("e1", "a", 1)]
    assert attempt.said() == [result]
    assert (attempt.task.outputs, attempt.task.epoch) == ({}, 1)  # What it was given is not kept along with it.


def test_r38_all_else_of_the_execution_is_an_orphan() -> None:
    """Not wanted, of another attempt, or started under another epoch: it may have run ahead of a lost commit."""
    held = HeldAttempts(10)
    orphans = [
        held.begin("o1", task("b")),
        held.begin("o1", task("a", attempt=2)),
        held.begin("o1", task("c", epoch=1)),
    ]
    later = held.begin("o2", task("d", epoch=2))
    assert held.adopt("o2", Adoption("e1", 2, 9, (("a", 1, 1), ("c", 1, 2)))) == []
    assert all(orphan.cancellation.is_cancelled for orphan in orphans)
    assert not later.cancellation.is_cancelled


def test_r38_the_same_number_given_again_cancels_the_one_that_had_it() -> None:
    held = HeldAttempts(10)
    first = held.begin("o1", task(epoch=1))
    second = held.begin("o2", task(epoch=2))
    assert (first.cancellation.is_cancelled, second.cancellation.is_cancelled) == (True, False)
    held.end(first, 0)
    assert held.running(("e1", "a", 1)) is second
    assert held.adopt("o3", Adoption("e1", 3, 1, (("a", 1, 2),))) == [("e1", "a", 1)]


def test_r38_what_was_stopped_is_not_adopted() -> None:
    held = HeldAttempts(10)
    attempt = held.begin("o1", task())
    assert held.stop(("e1", "a", 1))
    assert held.adopt("o2", Adoption("e1", 2, 9, (("a", 1, 1),))) == []
    assert len(held) == 1  # It has not noticed yet.
    held.end(attempt, 0)
    assert len(held) == 0
    assert not held.stop(("e1", "a", 1))


def test_r38_a_former_owner_cannot_stop_what_was_adopted() -> None:
    """It was frozen, and finds out late that it owns nothing any more."""
    held = HeldAttempts(10)
    attempt = held.begin("o1", task())
    held.adopt("o2", Adoption("e1", 2, 9, (("a", 1, 1),)))
    assert not held.stop(("e1", "a", 1), "o1")
    assert not attempt.cancellation.is_cancelled
    assert held.stop(("e1", "a", 1), "o2")
    assert attempt.cancellation.is_cancelled


def test_r33_the_text_so_far_is_said_again_in_one_piece() -> None:
    attempt = HeldAttempts(0).begin("o1", task())
    started = st.AttemptStarted(ts=1, instance="a", attempt=1)
    for stimulus in (started, tokens(attempt, 0, "ab"), tokens(attempt, 2, "cd"), done(attempt)):
        attempt.note(stimulus)
    attempt.note(st.NodeLogged(ts=1, instance="a", attempt=1, message="not again"))
    first, text, result = attempt.said()
    assert (first, result) == (started, done(attempt))
    assert isinstance(text, st.TokensProduced)
    assert (text.offset, text.text, text.tokens) == (0, "abcd", 2)


def test_l8_what_is_kept_is_bounded_by_number_and_age() -> None:
    held = HeldAttempts(2)
    for number in range(4):
        held.end(held.begin("o1", task(f"n{number}")), now_ms=0)
    wanted = Adoption("e1", 2, 9, tuple((f"n{number}", 1, 1) for number in range(4)))
    assert [key[1] for key in held.adopt("o2", wanted)] == ["n2", "n3"]
    held.end(held.begin("o2", task("late", epoch=2)), now_ms=RESULT_KEPT_MS)
    assert list(held._ended) == [("e1", "late", 1)]
    held.drop("e1")
    assert (held._ended, held._by_execution) == ({}, {})


def test_a_lane_without_new_owners_keeps_nothing() -> None:
    held = HeldAttempts(0)
    held.end(held.begin("o1", task()), 0)
    assert (held._ended, held._by_execution) == ({}, {})


def test_what_goes_on_is_told_by_execution() -> None:
    assert adoptions_by_execution([("e1", "a", 1), ("e1", "b", 2), ("e2", "a", 1)]) == {
        "e1": {("a", 1), ("b", 2)}, "e2": {("a", 1)},
    }  # fmt: skip


def test_r38_who_adopts_a_lost_attempt_hears_that_it_is_lost() -> None:
    """A process of its own died while its next owner was not ready to hear of it."""
    held = HeldAttempts(results_kept=5)
    attempt = held.begin("o1", task("a"))
    held.adopt("o2", Adoption("e1", 2, 7, (("a", 1, 1),)))
    lost = st.AttemptLost(ts=1, instance="a", attempt=1, reason="it died")
    attempt.note(lost)
    held.end(attempt, 1)
    assert [held.said() for held in held.unmute("o2", "e1")] == [[lost]]


def test_a_stop_that_overtakes_its_dispatch_is_remembered() -> None:
    """Nothing could stop it any more: its owner has said so already, and forgotten it."""
    held = HeldAttempts(10)
    assert not held.stop(("e1", "a", 1), "o1", incarnation=7)
    assert held.begin("o1", task(incarnation=7)) is None
    assert len(held) == 0
    assert held.begin("o1", task(incarnation=7)) is not None


def test_an_early_stop_is_for_that_dispatch_alone() -> None:
    """Another owner, or the same one later, may number an attempt the same: its commit had never come."""
    held = HeldAttempts(10)
    held.stop(("e1", "a", 1), "o1", incarnation=7)
    held.stop(("e1", "b", 1), "o1")
    assert held.begin("o2", task(incarnation=7)) is not None
    assert held.begin("o1", task(incarnation=8)) is not None
    assert held.begin("o1", task("b")) is not None


def test_what_a_former_owner_left_does_not_hide_an_early_stop() -> None:
    held = HeldAttempts(10)
    held.begin("o1", task(incarnation=7))
    assert not held.stop(("e1", "a", 1), "o2", incarnation=3)
    assert held.begin("o2", task(incarnation=3)) is None


def test_early_stops_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_attempts, "EARLY_STOPS_KEPT", 2)
    held = HeldAttempts(10)
    for instance in "abc":
        held.stop(("e1", instance, 1), "o1", incarnation=7)
    begun = [held.begin("o1", task(instance, incarnation=7)) is not None for instance in "abc"]
    assert begun == [True, False, False]
