"""R44: a node that was short again and again runs beside the driver; what is new, long or much goes to a lane."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flowray.engine import stimuli as st
from flowray.engine.signals import NodeError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_task import NodeTask
from flowray.runtime.dispatch_lease import StaleGuard
from flowray.runtime.held_attempts import Adoption
from flowray.runtime.lane import Report
from flowray.runtime.near_calls import AT_ONCE, LIGHT_AT_ONCE, LIGHT_US, SHORT_MS, TIMES_SHORT, NearCalls
from tests.runtime.test_lane import Run, lane_of


def task(instance: str, execution_id: str = "e1", node_type: str = "scripted", **fields: Any) -> NodeTask:
    return NodeTask(
        execution_id=execution_id, instance=instance, node_id=instance, node_type=node_type, attempt=1, **fields
    )


class Desk:
    def __init__(self, run: Run, guard: StaleGuard | None = None) -> None:
        self.reports: list[Report] = []
        self.arrived = threading.Semaphore(0)
        self.spent_us = 0.0
        self.near = NearCalls(
            "o1", lane_of(run, guard=guard), self._deliver, lambda: None, lambda name: name == "scripted",
            lambda: self.spent_us,
        )  # fmt: skip

    def _deliver(self, report: Report) -> None:
        self.reports.append(report)
        for _ in report:
            self.arrived.release()

    def teach(self, took_ms: int = SHORT_MS, times: int = TIMES_SHORT, node: str = "a") -> None:
        """A lane reports attempts of a node that took so long."""
        for number in range(times):
            assert self.near.take([task(node, f"past-{number}")])[1]
            self.near.learn([(f"past-{number}", ended(node, took_ms))])


def ended(node: str, took_ms: int) -> st.AttemptSucceeded:
    return st.AttemptSucceeded(ts=9, instance=node, attempt=1, started_at=1_000, ended_at=1_000 + took_ms)


@contextmanager
def desk(run: Run, guard: StaleGuard | None = None) -> Iterator[Desk]:
    made = Desk(run, guard)
    made.near.start()
    try:
        yield made
    finally:
        made.near.close()


async def echo(node: NodeInput) -> NodeResult:
    return NodeResult(data=node.instance)


async def hangs(node: NodeInput) -> NodeResult:
    await asyncio.Event().wait()
    return NodeResult()


def names(tasks: list[NodeTask]) -> list[str]:
    return [item.instance for item in tasks]


def test_a_node_that_was_short_again_and_again_runs_here() -> None:
    with desk(echo) as made:
        made.teach()
        far = [task("b", plan_hash="another"), task("a", node_type="blocking")]
        assert made.near.take([task("a"), *far])[1] == far
        for _ in range(2):
            assert made.arrived.acquire(timeout=60)
        (started, (execution_id, end)) = [item for report in made.reports for item in report]
        assert isinstance(started[1], st.AttemptStarted)
        assert isinstance(end, st.AttemptSucceeded)
        assert (execution_id, end.output) == ("e1", "a")


def test_a_node_has_to_earn_it_and_loses_it_at_once() -> None:
    with desk(hangs) as made:
        made.teach(times=TIMES_SHORT - 1)
        assert names(made.near.take([task("a")])[1]) == ["a"]
        made.near.learn([("e1", ended("a", 0))])
        made.teach(took_ms=SHORT_MS + 1, times=0)
        assert made.near.take([task("a", "e2")])[1] == []
        made.near.learn([("e2", ended("a", SHORT_MS + 1))])
        assert names(made.near.take([task("a", "e3"), task("b", "e3")])[1]) == ["a", "b"]


def test_a_node_that_is_new_is_taken_for_what_its_kind_is_like() -> None:
    with desk(hangs) as made:
        made.teach()
        assert made.near.take([task("b")])[1] == []
        made.near.learn([("e1", ended("b", 1))])
        assert made.near.take([task("b", "e2")])[1] == []
        made.near.learn([("e2", ended("b", SHORT_MS + 1))])
        assert names(made.near.take([task("b", "e3"), task("a", "e3")])[1]) == ["b"]


def test_a_failure_is_no_short_call() -> None:
    with desk(hangs) as made:
        made.teach()
        assert made.near.take([task("a")])[1] == []
        error = NodeError(message="refused", code="PROVIDER_UNREACHABLE")
        made.near.learn([("e1", st.AttemptFailed(ts=9, instance="a", attempt=1, error=error))])
        assert names(made.near.take([task("a", "e2")])[1]) == ["a"]


def test_what_spreads_out_goes_to_the_lanes() -> None:
    with desk(hangs) as made:
        made.teach()
        many = [task("a", f"e{number}") for number in range(AT_ONCE + 3)]
        assert made.near.take(many)[1] == many[AT_ONCE:]


def test_what_is_light_spreads_out_here_until_it_is_no_more() -> None:
    let_go: list[asyncio.Event] = []

    async def waits(node: NodeInput) -> NodeResult:
        if node.instance == "light":
            let_go.append(asyncio.Event())
            await let_go[-1].wait()
        return NodeResult()

    with desk(waits) as made:
        made.teach()
        made.spent_us = LIGHT_US
        assert made.near.take([task("a")])[1] == []
        assert made.arrived.acquire(timeout=60)
        assert made.arrived.acquire(timeout=60)
        many = [task("light", f"e{number}") for number in range(LIGHT_AT_ONCE + 2)]
        assert made.near.take(many)[1] == many[LIGHT_AT_ONCE:]
        for item in many:
            made.near.drop(item.execution_id)
        # So much that what is heard of those that were dropped, at any time and in any number, changes nothing.
        made.spent_us += 1e15 * LIGHT_US
        made.near._cost.note(1)
        assert made.near.take(many)[1] == many[AT_ONCE:]


def test_what_those_beside_it_took_does_not_make_a_light_call_long() -> None:
    with desk(hangs) as made:
        made.teach()
        made.near._cost.note(1)  # free
        many = [task("a", f"e{number}") for number in range(LIGHT_AT_ONCE)]
        assert made.near.take(many)[1] == []
        made.near.learn([("e0", ended("a", SHORT_MS + 1))])
        assert names(made.near.take([task("a", "e0")])[1]) == ["a"]
        for item in many:
            made.near.drop(item.execution_id)
        made.teach()
        made.spent_us = LIGHT_US
        made.near._cost.note(1)
        assert made.near.take(many)[1] == []
        made.near.learn([("e0", ended("a", SHORT_MS + 1))])
        assert made.near.take([task("a", "e0")])[1] == []


def said_by(made: Desk) -> list[tuple[str, st.AnyStimulus]]:
    return [item for report in made.reports for item in report]


def test_what_streams_is_never_near() -> None:
    with desk(hangs) as made:
        made.teach()
        streams = task("a", streams=True)
        assert made.near.take([streams])[1] == [streams]


def test_what_is_stopped_or_dropped_makes_room() -> None:
    with desk(hangs) as made:
        made.teach()
        many = [task("a", f"e{number}", incarnation=1) for number in range(AT_ONCE)]
        assert made.near.take(many)[1] == []
        assert made.near.stop(("e0", "a", 1))
        assert not made.near.stop(("e0", "a", 1))
        made.near.drop("e1")
        again = [task("a", "e20"), task("a", "e21"), task("a", "e22")]
        assert made.near.take(again)[1] == again[2:]


def test_nothing_is_kept_of_an_execution_that_has_ended() -> None:
    with desk(hangs) as made:
        made.near.take([task("a")])
        made.near.drop("e1")
        made.near.learn([("e1", ended("a", 1))])
        assert (made.near._under_way, made.near._here, dict(made.near._history._short)) == ({}, {}, {})


def test_what_is_dropped_right_behind_its_dispatch_never_begins() -> None:
    begun: list[str] = []

    async def notes(node: NodeInput) -> NodeResult:
        begun.append(node.instance)
        return NodeResult()

    made = Desk(notes)
    made.teach()
    assert made.near.take([task("a", incarnation=3)])[1] == []
    made.near.drop("e1")
    assert made.near.take([task("b", "e2", incarnation=4)])[1] == []
    made.near.start()
    for _ in range(2):
        assert made.arrived.acquire(timeout=60)
    made.near.close()
    assert begun == ["b"]


def test_a_process_that_is_to_end_waits_for_what_runs_here_and_takes_no_more() -> None:
    let_go = threading.Event()

    async def is_slow(node: NodeInput) -> NodeResult:
        await asyncio.to_thread(let_go.wait, 60)
        return NodeResult(data="made")

    with desk(is_slow) as made:
        made.teach()
        assert made.near.take([task("a")])[1] == []
        drains = threading.Thread(target=made.near.drain)
        drains.start()
        while made.near.take([task("a", "e2")])[1] == []:
            made.near.stop(("e2", "a", 1))
        assert drains.is_alive()
        let_go.set()
        drains.join(timeout=60)
        assert not drains.is_alive()
        ends = [said for report in made.reports for _, said in report if isinstance(said, st.AttemptSucceeded)]
        assert [end.output for end in ends] == ["made"]


def test_r23_what_a_former_owner_had_here_ends_and_no_more_of_it_begins() -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def waits(node: NodeInput) -> NodeResult:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return NodeResult()

    with desk(waits, guard=StaleGuard()) as made:
        made.teach()
        assert made.near.take([task("a", epoch=1)])[1] == []
        assert begun.wait(timeout=60)
        made.near.refuse_former([Adoption("e1", epoch=2, incarnation=7)])
        assert cancelled.wait(timeout=60)
        assert made.near.take([task("b", epoch=1)])[1] == []
        said: list[Any] = []
        while not said or isinstance(said[-1], st.AttemptStarted):
            assert made.arrived.acquire(timeout=60)
            said = [stimulus for report in made.reports for _, stimulus in report]
        assert (type(said[-1]), said[-1].instance) == (st.AttemptLost, "b")
