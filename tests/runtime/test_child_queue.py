"""The queue in front of the starter: order, what shares a commit, patience with the database, its thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from flowray.engine.commands import StartChild, StopChild
from flowray.engine.signals import ChildCall
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.runtime.child_queue import MAX_TOGETHER, ChildQueue

PARENT = ExecutionRecord(id="e1", status="waiting", plan_hash="p")
TIMEOUT_S = 20


class Starter:
    """Remembers what it is asked; raises what it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.done: list[Any] = []
        self.refused: list[str] = []
        self.errors = list(errors)

    def start(self, calls: Sequence[tuple[ExecutionRecord, StartChild]]) -> None:
        self._may_fail()
        if calls:
            self.done.append([command.key for _, command in calls])

    def stop(self, parent: ExecutionRecord, command: StopChild) -> str:
        self._may_fail()
        self.done.append(f"stop {command.key}")
        return f"kid of {parent.id}"

    def refuse(self, call: tuple[ExecutionRecord, StartChild], error: Exception) -> None:
        self.refused.append(f"{call[1].key}: {error}")

    def _may_fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


def queue_of(starter: Any, woken: list[Any] | None = None) -> ChildQueue:
    return ChildQueue(starter, (woken if woken is not None else []).append, retry_s=0)


def fill(queue: ChildQueue, *jobs: str) -> list[Any]:
    """``a`` starts, ``-a`` stops, ``!a`` wakes."""
    for job in jobs:
        if job[0] == "-":
            queue.stop(PARENT, StopChild("x", job[1:]))
        elif job[0] == "!":
            queue.wake([job[1:]])
        else:
            queue.start(PARENT, StartChild("x", job, ChildCall()))
    return queue._more()


def away() -> FlowrayError:
    return FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)


def test_starts_share_a_commit_up_to_a_stop_and_the_order_is_kept() -> None:
    starter, woken = Starter(), []  # type: ignore[var-annotated]
    queue = queue_of(starter, woken)
    queue.work(fill(queue, "a", "b", "-a", "c", "!p"))
    assert starter.done == [["a", "b"], "stop a", ["c"]]
    assert woken == [["kid of e1"], ("p",)]


def test_so_many_at_a_time() -> None:
    queue = queue_of(Starter())
    assert len(fill(queue, *(f"k{number}" for number in range(MAX_TOGETHER + 5)))) == MAX_TOGETHER
    assert len(queue._more()) == 5


def test_it_waits_for_the_database() -> None:
    starter = Starter(away(), away())
    queue = queue_of(starter)
    queue.work(fill(queue, "a", "-a"))
    assert (starter.done, starter.refused) == ([["a"], "stop a"], [])


def test_a_start_that_breaks_is_refused_and_the_next_ones_go_on() -> None:
    starter = Starter(ValueError("odd"))
    queue = queue_of(starter)
    queue.work(fill(queue, "a", "b", "-a", "c"))
    assert starter.refused == ["a: odd", "b: odd"]
    assert starter.done == ["stop a", ["c"]]


def test_a_stop_that_breaks_is_given_up() -> None:
    """The cancellation went with the commit of the parent already."""
    starter = Starter(FlowrayError(ErrorCode.INTERNAL, "odd"))
    queue = queue_of(starter)
    queue.work(fill(queue, "-a", "b"))
    assert starter.done == [["b"]]


def test_its_thread_works_and_stops() -> None:
    reached = threading.Event()
    queue = ChildQueue(Starter(), lambda ids: reached.set(), retry_s=0)  # type: ignore[arg-type]
    queue.start_thread()
    queue.wake(["e1"])
    assert reached.wait(TIMEOUT_S)
    queue.stop_thread()
    assert not queue._thread.is_alive()
    queue.stop_thread()


def test_once_stopped_it_starts_nothing_more() -> None:
    starter = Starter()
    queue = queue_of(starter)
    jobs = fill(queue, "a", "-a")
    queue.stop_thread()
    queue.work(jobs)
    assert starter.done == []
