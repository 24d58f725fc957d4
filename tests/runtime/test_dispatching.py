"""The way of attempts: at once for a slice of time, else behind the commit; never without a lease, nor unwanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.runtime import dispatching
from flowray.runtime.dispatching import Dispatching
from flowray.runtime.timers import Timers
from tests.runtime.harness import Clock, ScriptedExecutor


class Computes(ScriptedExecutor):
    """Carries out what is named; each takes ``takes_s``."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names
        self.computed: list[str] = []
        self.time_s = 0.0
        self.takes_s = 0.0

    def compute(self, task: NodeTask) -> Any:
        if task.node_id not in self.names:
            return None
        self.computed.append(task.node_id)
        self.time_s += self.takes_s
        return [st.AttemptSucceeded(ts=1, instance=task.instance, attempt=task.attempt)]


class Desk:
    def __init__(self, *names: str) -> None:
        self.executor = Computes(*names)
        self.clock = Clock()
        self.unwanted: set[str] = set()
        self.has_lease = True
        self.taken: list[str] = []
        self.follow: dict[str, str] = {}
        self.attempts = Dispatching(
            Timers(), self.clock, lambda task: task.node_id not in self.unwanted, lambda: self.has_lease,
            lambda: self.executor.time_s,
        )  # fmt: skip
        self.attempts.executor = cast(Any, self.executor)

    def take(self, execution_id: str, said: Sequence[st.AnyStimulus]) -> None:
        for stimulus in cast(Any, said):
            self.taken.append(stimulus.instance)
            if stimulus.instance in self.follow:
                self.add(self.follow[stimulus.instance])

    def add(self, *names: str, execution_id: str = "e1") -> None:
        for name in names:
            self.attempts.add(
                NodeTask(execution_id=execution_id, instance=name, node_id=name, node_type="t", attempt=1)
            )

    def turn(self) -> list[str]:
        """What has been dispatched after a turn."""
        before = len(self.executor.tasks)
        self.attempts.compute(self.take)
        self.attempts.dispatch()
        return [task.node_id for task in self.executor.tasks[before:]]


def test_r21_what_follows_from_what_was_carried_out_is_carried_out_in_the_same_turn() -> None:
    desk = Desk("a", "b", "c")
    desk.follow = {"a": "b", "b": "c", "c": "call"}
    desk.add("a")
    assert desk.turn() == ["call"]
    assert desk.taken == desk.executor.computed == ["a", "b", "c"]
    assert not desk.attempts.has_more


def test_executions_take_turns_of_several_attempts_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt each would be a commit of each execution for each attempt."""
    monkeypatch.setattr(dispatching, "QUANTUM", 2)
    desk = Desk("a", "b", "c", "x")
    desk.follow = {"a": "b", "b": "c"}
    desk.add("a")
    desk.add("x", execution_id="e2")
    desk.turn()
    assert desk.taken == ["a", "b", "x", "c"]


def test_an_execution_that_is_dropped_in_its_turn_has_nothing_left() -> None:
    desk = Desk("a", "b", "x")
    desk.add("a", "b")
    desk.add("x", execution_id="e2")
    desk.attempts.compute(lambda execution_id, said: desk.attempts.drop(execution_id))
    assert desk.executor.computed == ["a", "x"]
    assert not desk.attempts.has_more


def test_r21_a_slice_ends_and_the_rest_waits_for_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "SLICE_S", 2.0)
    monkeypatch.setattr(dispatching, "QUANTUM", 1)
    desk = Desk("a", "b", "c")
    desk.executor.takes_s = 1.0
    desk.add("a", "b", "c")
    assert desk.turn() == []
    assert (desk.taken, desk.attempts.has_more) == (["a", "b"], True)
    desk.turn()
    assert (desk.taken, desk.attempts.has_more) == (["a", "b", "c"], False)


def test_r23_without_a_lease_nothing_begins_and_nothing_is_lost() -> None:
    desk = Desk("a")
    desk.has_lease = False
    desk.add("a", "call")
    assert desk.turn() == []
    assert (desk.taken, desk.attempts.has_more) == ([], False)
    desk.has_lease = True
    assert desk.turn() == ["call"]
    assert desk.taken == ["a"]


def test_what_is_no_longer_wanted_does_not_begin() -> None:
    desk = Desk("a", "b")
    desk.add("a", "b", "call", "other")
    desk.unwanted = {"a", "other"}
    assert desk.turn() == ["call"]
    assert desk.taken == ["b"]


def test_what_is_stopped_or_dropped_leaves_no_trace() -> None:
    desk = Desk("a", "b")
    desk.add("a", "b")
    desk.add("a", execution_id="e2")
    desk.attempts.stop(("e1", "a", 1), incarnation=3)
    desk.attempts.drop("e2")
    desk.turn()
    assert desk.taken == ["b"]
    assert (desk.executor.stopped, desk.executor.dropped) == ([("e1", "a", 1)], ["e2"])


def test_what_goes_on_elsewhere_is_forgotten_and_not_stopped() -> None:
    desk = Desk("a")
    desk.add("a", "call")
    desk.attempts.drop("e1", stop=False)
    assert desk.turn() == []
    assert (desk.taken, desk.executor.dropped) == ([], [])


def test_what_its_limits_let_go_is_dispatched() -> None:
    desk = Desk("a")
    allowed = NodeTask(execution_id="e1", instance="a", node_id="a", node_type="t", attempt=1)
    desk.attempts.add_allowed([allowed])
    assert desk.turn() == ["a"]
    assert desk.taken == []
