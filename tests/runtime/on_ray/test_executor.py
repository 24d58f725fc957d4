"""The executor on Ray with lanes and a collector of the test's own: what a dead lane costs. Starts no Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, WorkerCrashedError

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.plan import PlanResources
from flowray.runtime.held_attempts import Adoption
from flowray.runtime.on_ray import executor
from flowray.runtime.on_ray.executor import RayExecutor

AWAY = ActorUnavailableError("The actor restarts", b"0" * 16)


class FakeLane:
    """Remembers what it is called with; each call's reference is ``(lane, method, number)``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ran: list[list[str]] = []
        self.asked: list[Adoption] = []
        self.stopped: list[tuple[Any, ...]] = []
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
        elif self._name == "adopt":
            self._lane.asked.extend(arguments[1])
        elif self._name == "stop":
            self._lane.stopped.append(arguments)
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


class Far(Recorder):
    """Nothing is near."""

    def take(self, tasks: Sequence[NodeTask]) -> tuple[list[NodeTask], list[NodeTask]]:
        return [], list(tasks)


class Desk:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, lanes: int = 1, has_broker: bool = False) -> None:
        self.has_broker = has_broker
        self.lanes = [FakeLane(f"lane-{number}") for number in range(lanes)]
        self.broker: FakeLane | None = None
        self.collector = FakeCollector()
        self.driver = Recorder()
        monkeypatch.setattr(executor, "Collector", lambda: self.collector)
        monkeypatch.setattr("threading.Timer", AtOnce)
        self.executor = RayExecutor(
            owner_id="o1", driver=cast(Any, self.driver), at_once=cast(Any, Recorder()), near=cast(Any, Far()),
            lanes=lambda: cast(Any, self.lanes), services_factory=cast(Any, None), metrics=cast(Any, Recorder()),
            now_ms=lambda: 7, prune=lambda ids: None, broker=self.find_broker,
        )  # fmt: skip

    def find_broker(self, create: bool) -> Any:
        if create and self.has_broker:
            self.broker = self.broker or FakeLane("broker")
        return self.broker

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


# -- adoption, suspects and places -----------------------------------------------------------------------------------


class Answering(FakeCollector):
    """Answers calls of ``adopt`` at once, lane by lane; a lane without an entry is silent."""

    def __init__(self, held: dict[str, list[list[Any]] | Exception]) -> None:
        super().__init__()
        self.held = held

    def watch(self, waitable: Any, on_ready: Callable[[Any, BaseException | None], bool]) -> None:
        super().watch(waitable, on_ready)
        answer = self.held.get(waitable[0]) if waitable[1] == "adopt" else None
        if answer is not None:
            error = answer if isinstance(answer, Exception) else None
            on_ready(None if error else answer, error)


def test_r38_all_lanes_are_asked_and_a_silent_one_costs_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "ADOPT_WAIT_S", 0.01)
    desk = Desk(monkeypatch, lanes=3)
    held: dict[str, list[list[Any]] | Exception] = {"lane-0": [["e1", "a", 1]], "lane-1": AWAY}
    desk.executor._collector = cast(Any, Answering(held))
    adoption = Adoption("e1", 2, 9, (("a", 1, 1), ("b", 1, 1)))
    assert desk.executor.adopt([adoption]) == [("e1", "a", 1)]
    asked = [lane.asked for lane in desk.lanes]
    assert asked[:2] == [[adoption], [adoption]]
    assert asked[2] == [adoption, Adoption("e1", 2, 9)]  # What it holds is nobody's by the time it hears this.
    desk.executor.stop("e1", "a", 1, 5)
    assert desk.lanes[0].stopped == [("e1", "a", 1, "o1", 5)]


def test_r38_what_is_lost_before_it_is_heard_is_told_when_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver drops what it is told of executions that it does not drive yet: the lane may die before it does."""
    desk = Desk(monkeypatch)
    desk.executor._collector = cast(Any, Answering({"lane-0": [["e1", "a", 1], ["e2", "a", 1]]}))
    adoptions = [Adoption("e1", 2, 9, (("a", 1, 1),)), Adoption("e2", 2, 9, (("a", 1, 1),))]
    assert desk.executor.adopt(adoptions) == [("e1", "a", 1), ("e2", "a", 1)]
    desk.executor._lane_failed(cast(Any, desk.lanes[0]), "it died", None)
    assert desk.lost() == []
    desk.executor.deliver(["e1"])
    desk.executor.deliver(["e1"])
    assert [(execution_id, type(said)) for execution_id, said in desk.driver.posted] == [("e1", st.AttemptLost)]
    desk.executor.deliver(["e2"])
    assert [execution_id for execution_id, _ in desk.driver.posted] == ["e1", "e2"]


def test_r38_what_two_lanes_hold_is_adopted_from_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them ran ahead of a commit that never came, and nothing tells which."""
    desk = Desk(monkeypatch, lanes=2)
    held: dict[str, list[list[Any]] | Exception] = {
        "lane-0": [["e1", "a", 1], ["e1", "b", 1]],
        "lane-1": [["e1", "a", 1]],
    }
    desk.executor._collector = cast(Any, Answering(held))
    adoption = Adoption("e1", 2, 9, (("a", 1, 1), ("b", 1, 1)))
    assert desk.executor.adopt([adoption]) == [("e1", "b", 1)]
    certain = Adoption("e1", 2, 9, (("b", 1, 1),))
    assert [lane.asked for lane in desk.lanes] == [[adoption, certain], [adoption, certain]]


def test_r39_a_suspect_runs_as_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[tuple[str, int]] = []

    def submit(task: NodeTask, *_: Any) -> tuple[str, str, int]:
        submitted.append((task.instance, task.attempt))
        return ("task", "result", task.attempt)

    monkeypatch.setattr(executor, "submit", submit)
    desk = Desk(monkeypatch)
    for number in (1, 2):
        desk.executor.run([attempt("a", number)])
        desk.collector.answer("run", AWAY)
        desk.collector.answer("facts")
    desk.executor.run([attempt("a", 3), attempt("b")])
    assert submitted == [("a", 3)]
    assert desk.lanes[0].ran[-1] == ["b#1"]
    desk.collector.answer("result", WorkerCrashedError())
    assert desk.lost() == [("a", 1), ("a", 2), ("a", 3)]
    assert desk.executor._blame.forced_types() == []


def test_s34_what_no_node_can_run_is_lost_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts again a few times, and then its node fails with that reason."""
    cancelled: list[Any] = []
    monkeypatch.setattr(executor, "submit", lambda task, *_: ("task", "result", task.attempt))
    monkeypatch.setattr(executor.ray, "cancel", lambda reference, force: cancelled.append(reference))
    monkeypatch.setattr(executor.ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 2}}])
    desk = Desk(monkeypatch)
    fitting = msgspec.structs.replace(attempt("a"), lane="task", resources=PlanResources(num_cpus=2))
    endless = msgspec.structs.replace(attempt("b"), lane="task", resources=PlanResources(num_cpus=64))
    desk.executor.run([fitting, endless])
    (lost,) = [stimulus for _, stimulus in desk.driver.posted if isinstance(stimulus, st.AttemptLost)]
    assert (lost.instance, lost.reason) == (
        "b", "it could not be placed for 120 s: no node of the cluster has CPU 64",
    )  # fmt: skip
    assert lost.unstarted
    assert cancelled == [("task", "result", 1)]


def test_r14_a_task_that_tells_of_its_beginning_is_awaited_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "submit", lambda task, *_: ("task", "result", task.attempt))
    desk = Desk(monkeypatch)
    desk.executor.run([msgspec.structs.replace(attempt("a"), lane="task", start_timeout_ms=500)])
    ((_, on_ready),) = desk.collector.watched
    begun = st.AttemptStarted(ts=7, instance="a", attempt=1)
    done = st.AttemptSucceeded(ts=8, instance="a", attempt=1)
    assert on_ready([("e1", begun)], None) is True
    assert on_ready([("e1", done)], None) is False
    assert desk.driver.posted == [("e1", begun), ("e1", done)]
    assert on_ready(None, StopIteration()) is False
    assert desk.lost() == []


def test_r14_it_says_what_keeps_an_attempt_from_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "submit", lambda task, *_: ("task", "result", task.attempt))
    monkeypatch.setattr(executor.ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 2}}])
    desk = Desk(monkeypatch)
    tasks = [
        msgspec.structs.replace(attempt("a"), lane="task", start_timeout_ms=500, resources=PlanResources(num_gpus=1)),
        msgspec.structs.replace(attempt("b"), lane="task", start_timeout_ms=500),
        msgspec.structs.replace(attempt("c"), start_timeout_ms=500),
    ]
    desk.executor.run(tasks)
    assert [desk.executor.obstacle(task) for task in tasks] == [
        "no node of the cluster has GPU 1",
        "no worker of the cluster is free for it",
        "its lane does not get round to it",
    ]
    assert desk.lost() == []  # Its owner's watch is the one that counts.


def test_r38_a_task_that_may_run_long_is_submitted_by_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[str] = []
    monkeypatch.setattr(executor, "submit", lambda task, *_: submitted.append(task.instance) or ("task", "result", 1))
    desk = Desk(monkeypatch, has_broker=True)
    limits = {"endless": None, "long": 60_001, "short": 60_000}
    desk.executor.run(
        [msgspec.structs.replace(attempt(name), lane="task", timeout_ms=limit) for name, limit in limits.items()]
    )
    assert desk.broker is not None
    assert (desk.broker.ran, submitted) == ([["endless#1"], ["long#1"]], ["short"])
    desk.executor.stop("e1", "long", 1, 5)
    assert desk.broker.stopped == [("e1", "long", 1, "o1", 5)]
    desk.collector.answer("run", AWAY)
    assert desk.lost() == [("endless", 1)]


def test_r38_the_broker_is_asked_what_it_holds_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, has_broker=True)
    desk.executor._collector = cast(Any, Answering({"lane-0": [], "broker": [["e1", "a", 1]]}))
    adoption = Adoption("e1", 2, 1, (("a", 1, 1),))
    assert desk.executor.adopt([adoption]) == []
    desk.find_broker(create=True)
    assert desk.executor.adopt([adoption]) == [("e1", "a", 1)]


def test_what_kills_lanes_is_not_given_to_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has to see whether the task's own dies (R39)."""
    submitted: list[str] = []
    monkeypatch.setattr(executor, "submit", lambda task, *_: submitted.append(task.instance) or ("task", "result", 1))
    desk = Desk(monkeypatch, has_broker=True)
    for number in (1, 2):
        desk.executor.run([attempt("a", number)])
        desk.collector.answer("run", AWAY)
        desk.collector.answer("facts")
    desk.executor.run([attempt("a", 3)])
    assert (submitted, desk.broker) == (["a"], None)
