"""The executor on Ray with lanes and a collector of the test's own: what a dead lane costs. Starts no Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.runtime.on_ray import executor
from flowray.runtime.on_ray.executor import RayExecutor

AWAY = ActorUnavailableError("The actor restarts", b"0" * 16)


class FakeLane:
    """Remembers what it is called with; each call's reference is ``(lane, method, number)``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ran: list[list[str]] = []
        self.calls = 0

    def __getattr__(self, method: str) -> Any:
        return FakeMethod(self, method)


class FakeMethod:
    def __init__(self, lane: FakeLane, name: str) -> None:
        self._lane, self._name = lane, name

    def options(self, **_: Any) -> FakeMethod:
        return self

    def remote(self, *arguments: Any) -> tuple[str, str, int]:
        if self._name == "run":
            self._lane.ran.append([f"{task.instance}#{task.attempt}" for task in arguments[1]])
        self._lane.calls += 1
        return self._lane.name, self._name, self._lane.calls


class FakeCollector:
    """Answers what is watched when the test says so."""

    def __init__(self) -> None:
        self.watched: list[tuple[tuple[str, str, int], Callable[[Any, BaseException | None], bool]]] = []

    def watch(self, waitable: Any, on_ready: Callable[[Any, BaseException | None], bool]) -> None:
        self.watched.append((waitable, on_ready))

    def answer(self, method: str, error: BaseException | None = None) -> None:
        """All pending calls of a method."""
        found = [entry for entry in self.watched if entry[0][1] == method]
        self.watched = [entry for entry in self.watched if entry[0][1] != method]
        assert found, f"nobody waits for {method}"
        for _, on_ready in found:
            on_ready(None, error)


class Recorder:
    """A driver, metrics or inline lane that remembers what it is told."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, st.AnyStimulus]] = []

    def post_many(self, stimuli: Sequence[tuple[str, st.AnyStimulus]]) -> None:
        self.posted.extend(stimuli)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class Desk:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, lanes: int = 1) -> None:
        self.lanes = [FakeLane(f"lane-{number}") for number in range(lanes)]
        self.collector = FakeCollector()
        self.driver = Recorder()
        monkeypatch.setattr(executor, "Collector", lambda: self.collector)
        monkeypatch.setattr("threading.Timer", AtOnce)
        self.executor = RayExecutor(
            owner_id="o1", driver=cast(Any, self.driver), inline=cast(Any, Recorder()),
            inline_cache=cast(Any, Recorder()), lanes=lambda: cast(Any, self.lanes), services_factory=cast(Any, None),
            metrics=cast(Any, Recorder()), now_ms=lambda: 7, prune=lambda ids: None,
        )  # fmt: skip

    def lost(self) -> list[tuple[str, int]]:
        return [(s.instance, s.attempt) for _, s in self.driver.posted if isinstance(s, st.AttemptLost)]


class AtOnce:
    """A timer that is due as soon as it is started."""

    def __init__(self, _delay_s: float, function: Callable[..., None], arguments: list[Any]) -> None:
        self.daemon = False
        self._function, self._arguments = function, arguments

    def start(self) -> None:
        self._function(*self._arguments)


def attempt(instance: str, number: int = 1) -> NodeTask:
    return NodeTask(execution_id="e1", instance=instance, node_id=instance, node_type="http", attempt=number)


def test_r39_a_dead_lane_costs_one_attempt_however_long_it_takes_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt that was sent to a lane under restart was lost at once: after five, its node failed."""
    desk = Desk(monkeypatch)
    desk.executor.run([attempt("a")])
    desk.collector.answer("run", AWAY)
    assert desk.lost() == [("a", 1)]
    desk.executor.run([attempt("a", 2), attempt("b")])
    for _ in range(10):
        desk.collector.answer("facts", AWAY)
    assert (desk.lanes[0].ran, desk.lost()) == ([["a#1"]], [("a", 1)])
    desk.collector.answer("facts")
    assert desk.lanes[0].ran == [["a#1"], ["a#2", "b#1"]]
    desk.collector.answer("run")
    assert desk.lost() == [("a", 1)]


def test_a_lane_that_died_idle_is_listened_to_again_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    desk.executor.run([attempt("a")])
    desk.collector.answer("run")
    desk.collector.answer("reports", AWAY)
    assert [call[0][1] for call in desk.collector.watched] == ["facts"]
    desk.collector.answer("facts")
    assert [call[0][1] for call in desk.collector.watched] == ["reports"]


def test_others_take_over_while_a_lane_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, lanes=2)
    desk.executor.run([attempt("a")])
    (first,) = [lane for lane in desk.lanes if lane.ran]
    desk.collector.answer("run", AWAY)
    desk.executor.run([attempt("a", 2), attempt("b"), attempt("c")])
    (other,) = [lane for lane in desk.lanes if lane is not first]
    assert (first.ran, other.ran) == ([["a#1"]], [["a#2", "b#1", "c#1"]])


@pytest.mark.parametrize("drop", [False, True])
def test_what_is_stopped_while_it_waits_for_a_lane_never_starts(monkeypatch: pytest.MonkeyPatch, drop: bool) -> None:
    desk = Desk(monkeypatch)
    desk.executor.run([attempt("a")])
    desk.collector.answer("run", AWAY)
    desk.executor.run([attempt("a", 2)])
    if drop:
        desk.executor.drop("e1")
    else:
        desk.executor.stop("e1", "a", 2)
    desk.collector.answer("facts")
    assert desk.lanes[0].ran == [["a#1"]]


def test_what_waits_for_a_lane_that_never_comes_back_is_lost_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    desk.executor.run([attempt("a")])
    desk.collector.answer("run", AWAY)
    desk.executor.run([attempt("a", 2)])
    desk.collector.answer("facts", ActorDiedError())
    assert desk.lost() == [("a", 1), ("a", 2)]
