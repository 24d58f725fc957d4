"""A lane in a thread: delivers, survives a broken receiver, closes what runs."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from flowray.engine import stimuli as st
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.runtime import loop_lane
from flowray.runtime.lane import Report
from flowray.runtime.loop_lane import LoopLane
from tests.runtime.test_lane import echo, lane_of, task


class Receiver:
    """Collects what is delivered; ``wait_for`` some of them."""

    def __init__(self) -> None:
        self.results: list[str] = []
        self.changed = threading.Condition()
        self.breaks = 0
        self.broke = threading.Event()

    def __call__(self, report: Report) -> None:
        with self.changed:
            if self.breaks:
                self.breaks -= 1
                self.broke.set()
                raise OSError("not now")
            self.results += [item.instance for _, item in report if isinstance(item, st.AttemptSucceeded)]
            self.changed.notify_all()

    def wait_for(self, *instances: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: set(instances) <= set(self.results), timeout=60)


def test_attempts_run_and_are_delivered_on_the_thread() -> None:
    receiver = Receiver()
    lane = LoopLane("o1", lane_of(echo), receiver, "test-lane")
    lane.start()
    lane.run([task("a"), task("b")])
    lane.run([task("c")])
    receiver.wait_for("a", "b", "c")
    lane.close()
    lane.close()
    assert sorted(receiver.results) == ["a", "b", "c"]


def test_a_receiver_that_fails_once_gets_what_comes_later() -> None:
    receiver = Receiver()
    receiver.breaks = 1

    async def run(node: NodeInput) -> NodeResult:
        if node.instance == "b":
            await asyncio.to_thread(receiver.broke.wait, 10)
        return NodeResult(data=1)

    lane = LoopLane("o1", lane_of(run), receiver, "test-lane")
    lane.start()
    lane.run([task("a"), task("b")])
    receiver.wait_for("b")
    lane.close()


@pytest.mark.parametrize("way", ["stop", "drop", "close"])
def test_what_runs_is_closed(way: str) -> None:
    started, closed = threading.Event(), threading.Event()

    async def run(node: NodeInput) -> NodeResult:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()
        return NodeResult()

    lane = LoopLane("o1", lane_of(run), Receiver(), "test-lane")
    lane.start()
    lane.run([task("a")])
    assert started.wait(60)
    if way == "stop":
        lane.stop("e1", "a", 1)
    elif way == "drop":
        lane.drop("e1")
    else:
        lane.close()
    assert closed.wait(60)
    lane.close()


def test_what_is_stopped_right_behind_its_dispatch_never_begins() -> None:
    """The attempt had not begun when the stop looked for it, and then ran for ever."""
    begun: list[str] = []

    async def run(node: NodeInput) -> NodeResult:
        begun.append(node.instance)
        return NodeResult()

    receiver = Receiver()
    lane = LoopLane("o1", lane_of(run), receiver, "test-lane")
    lane.run([task("a", incarnation=3)])
    lane.stop("e1", "a", 1, incarnation=3)
    lane.run([task("b", incarnation=3)])
    lane.start()
    receiver.wait_for("b")
    lane.close()
    assert begun == ["b"]


def test_what_is_asked_of_a_closed_lane_is_ignored() -> None:
    lane = LoopLane("o1", lane_of(echo), Receiver(), "test-lane")
    lane.close()
    lane.run([task("a")])
    lane.stop("e1", "a", 1)
    lane.drop("e1")
    lane.close()


def test_blocking_code_does_not_keep_a_lane_from_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """R46: a synchronous handler cannot be stopped; it is left behind."""
    monkeypatch.setattr(loop_lane, "CLOSE_S", 0.2)
    started, release = threading.Event(), threading.Event()

    async def run(node: NodeInput) -> NodeResult:
        def block() -> None:
            started.set()
            release.wait(20)

        await asyncio.to_thread(block)
        return NodeResult()

    lane = LoopLane("o1", lane_of(run), Receiver(), "test-lane")
    lane.start()
    lane.run([task("a")])
    assert started.wait(60)
    before = time.monotonic()
    lane.close()
    assert time.monotonic() - before < 8
    release.set()
