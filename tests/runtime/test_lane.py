"""The lane: many attempts on one loop, reports in micro-batches, cancelling, owners that go away (R36 to R38)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from flowray.definition.node_type import NodeType
from flowray.engine import stimuli as st
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.runtime import lane as lane_module
from flowray.runtime import performers
from flowray.runtime.dispatch_lease import StaleGuard
from flowray.runtime.held_attempts import Adoption
from flowray.runtime.lane import ABSENT_OWNER_MS, FLUSH_S, Lane, Report
from flowray.runtime.performers import InProcess
from tests.fakes.services import fake_services
from tests.runtime.harness import Clock

Run = Callable[[NodeInput], Awaitable[NodeResult]]


class Scripted:
    """A node type whose behaviour is a function of the test's."""

    node_type = NodeType(name="scripted", summary="For tests.", streams=True)

    def __init__(self, run: Run) -> None:
        self.run = run

    def can_handle(self, type_name: str) -> bool:
        return type_name == "scripted"

    async def execute(self, node: NodeInput) -> NodeResult:
        return await self.run(node)


def lane_of(run: Run, clock: Clock | None = None, guard: StaleGuard | None = None) -> Lane:
    clock = clock or Clock()
    return Lane(InProcess(NodeRegistry([Scripted(run)]), fake_services(), clock), clock, guard=guard)


def task(instance: str = "a", execution_id: str = "e1", attempt: int = 1, **fields: Any) -> NodeTask:
    return NodeTask(
        execution_id=execution_id, instance=instance, node_id=instance, node_type="scripted", attempt=attempt,
        stream_id=f"llm-{instance}", streams=True, **fields,
    )  # fmt: skip


async def echo(node: NodeInput) -> NodeResult:
    return NodeResult(data=node.instance)


def slow_behind(gate: asyncio.Event) -> Run:
    """The instance ``slow`` waits at the gate, others answer at once."""

    async def run(node: NodeInput) -> NodeResult:
        if node.instance == "slow":
            await gate.wait()
        return NodeResult(data=node.instance)

    return run


def kinds(report: Report) -> list[str]:
    return [f"{execution_id}/{stimulus.instance}:{type(stimulus).__name__}" for execution_id, stimulus in report]  # type: ignore[union-attr]


async def first_report(lane: Lane, owner: str = "o1") -> Report:
    stream = lane.reports(owner)
    report = await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    return report


async def test_an_attempt_is_reported_started_then_tokens_then_result() -> None:
    async def run(node: NodeInput) -> NodeResult:
        node.emit_token("to")
        node.emit_token("ken")
        return NodeResult(data=1)

    lane = lane_of(run)
    assert await lane.run("o1", [task()]) == 1
    report = await first_report(lane)
    assert kinds(report) == ["e1/a:AttemptStarted", "e1/a:TokensProduced", "e1/a:AttemptSucceeded"]
    assert "".join(item.text for _, item in report if isinstance(item, st.TokensProduced)) == "token"


async def test_everything_that_an_attempt_reports_names_its_incarnation() -> None:
    """So that its owner can tell it from an attempt of the same number (R23)."""
    lane = lane_of(echo)
    await lane.run("o1", [task(incarnation=7)])
    report = await first_report(lane)
    assert {stimulus.incarnation for _, stimulus in report} == {7}


async def test_small_results_travel_together() -> None:
    """R37: a hundred attempts that end together make one report."""
    lane = lane_of(echo)
    await lane.run("o1", [task(f"n{number}") for number in range(100)])
    report = await first_report(lane)
    assert sum(isinstance(item, st.AttemptSucceeded) for _, item in report) == 100


async def test_no_result_waits_for_an_unfinished_one() -> None:
    gate = asyncio.Event()
    lane = lane_of(slow_behind(gate))
    running = asyncio.create_task(lane.run("o1", [task("slow"), task("fast")]))
    stream = lane.reports("o1")
    seen: list[str] = []
    while "e1/fast:AttemptSucceeded" not in seen:
        seen += kinds(await anext(stream))
    assert "e1/slow:AttemptSucceeded" not in seen
    assert lane.in_flight() == 1
    gate.set()
    assert await running == 2
    assert kinds(await anext(stream))[-1] == "e1/slow:AttemptSucceeded"
    assert lane.in_flight() == 0


async def test_that_it_has_started_is_said_with_what_follows_or_soon() -> None:
    """R37: two words of one attempt make one report, and what goes on is seen to have begun."""
    gate = asyncio.Event()
    lane = lane_of(slow_behind(gate))
    stream = lane.reports("o1")
    await lane.run("o1", [task("fast")])
    assert kinds(await anext(stream)) == ["e1/fast:AttemptStarted", "e1/fast:AttemptSucceeded"]
    running = asyncio.create_task(lane.run("o1", [task("slow")]))
    assert kinds(await anext(stream)) == ["e1/slow:AttemptStarted"]
    gate.set()
    assert kinds(await anext(stream)) == ["e1/slow:AttemptSucceeded"]
    assert await running == 1


async def test_r38_that_it_has_started_is_said_to_the_owner_that_hears_it_and_once() -> None:
    """Adopted before it was said: the new owner hears it with all else, and nobody hears it again."""
    hanging = Hanging()
    lane = lane_of(hanging)
    running = asyncio.create_task(lane.run("o1", [task("a", epoch=1)]))
    await hanging.started.acquire()
    assert lane.adopt("o2", [Adoption("e1", epoch=2, incarnation=9, attempts=(("a", 1, 1),))]) == [("e1", "a", 1)]
    await asyncio.sleep(2 * FLUSH_S)
    lane.deliver("o2", ["e1"])
    assert kinds(await first_report(lane, "o2")) == ["e1/a:AttemptStarted"]
    lane.stop("e1", "a", 1)
    assert await running == 1
    assert lane.is_quiet()
    assert not lane._queue("o1").items.qsize()
    assert not lane._queue("o2").items.qsize()


async def test_owners_get_only_their_own_results() -> None:
    lane = lane_of(echo)
    await lane.run("o1", [task("a")])
    await lane.run("o2", [task("b", "e2")])
    assert {name.split(":")[0] for name in kinds(await first_report(lane, "o1"))} == {"e1/a"}
    assert {name.split(":")[0] for name in kinds(await first_report(lane, "o2"))} == {"e2/b"}


# -- stopping ------------------------------------------------------------------------------------------------------


class Hanging:
    """Attempts that run until cancelled, and count how they were let go."""

    def __init__(self) -> None:
        self.started = asyncio.Semaphore(0)
        self.closed: list[str] = []

    async def __call__(self, node: NodeInput) -> NodeResult:
        self.started.release()
        try:
            await asyncio.Event().wait()
        finally:
            node.emit_token("too late")
            self.closed.append(node.instance)
        return NodeResult()


async def test_a_cancelled_attempt_is_closed_and_its_result_not_reported() -> None:
    hanging = Hanging()
    lane = lane_of(hanging)
    running = asyncio.create_task(lane.run("o1", [task("a")]))
    assert kinds(await first_report(lane)) == ["e1/a:AttemptStarted"]
    assert lane.stop("e1", "a", 1)
    assert await running == 1
    assert hanging.closed == ["a"]
    assert not lane._queue("o1").items.qsize()
    assert not lane.stop("e1", "a", 1)
    assert lane.in_flight() == 0


async def test_another_attempt_of_the_same_instance_is_left_alone() -> None:
    hanging = Hanging()
    lane = lane_of(hanging)
    running = asyncio.create_task(lane.run("o1", [task("a", attempt=2)]))
    await hanging.started.acquire()
    assert not lane.stop("e1", "a", 1)
    assert lane.in_flight() == 1
    lane.stop("e1", "a", 2)
    await running


async def test_dropping_an_execution_stops_all_of_it_and_nothing_else() -> None:
    hanging = Hanging()
    lane = lane_of(hanging)
    tasks = [task("a"), task("b"), task("c", "e2")]
    running = asyncio.create_task(lane.run("o1", tasks))
    for _ in tasks:
        await hanging.started.acquire()
    lane.drop("e1")
    for _ in range(100):
        await asyncio.sleep(0)
    assert lane.in_flight() == 1
    assert sorted(hanging.closed) == ["a", "b"]
    lane.drop("e2")
    await running


async def test_an_attempt_dispatched_twice_is_forgotten_only_by_its_last() -> None:
    hanging = Hanging()
    lane = lane_of(hanging)
    first = asyncio.create_task(lane.run("o1", [task("a")]))
    await hanging.started.acquire()
    second = asyncio.create_task(lane.run("o2", [task("a")]))
    await hanging.started.acquire()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert lane.in_flight() == 1
    assert lane.stop("e1", "a", 1)
    await second


async def test_an_attempt_that_cannot_even_begin_fails_instead_of_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no such handler")

    lane = lane_of(echo)
    monkeypatch.setattr(performers, "run_attempt", broken)
    await lane.run("o1", [task("a"), task("b")])
    report = await first_report(lane)
    assert [type(item) for _, item in report] == [st.AttemptFailed, st.AttemptFailed]
    failure = report[0][1]
    assert isinstance(failure, st.AttemptFailed)
    assert failure.error.code == "INTERNAL"
    assert failure.error.message == "the lane could not run this scripted node: RuntimeError: no such handler"


# -- streams -------------------------------------------------------------------------------------------------------


async def test_a_stream_of_reports_ends_and_the_next_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "REPORTS_PER_STREAM", 2)
    lane = lane_of(echo)
    stream = lane.reports("o1")
    seen = []
    for name in ("a", "b"):
        await lane.run("o1", [task(name)])
        seen.append(kinds(await anext(stream))[-1])
    await lane.run("o1", [task("c")])
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    seen.append(kinds(await first_report(lane))[-1])
    assert seen == ["e1/a:AttemptSucceeded", "e1/b:AttemptSucceeded", "e1/c:AttemptSucceeded"]


async def test_r38_results_are_kept_for_an_owner_that_comes_back_soon() -> None:
    clock = Clock()
    lane = lane_of(echo, clock)
    await lane.run("o1", [task("a")])
    clock.now += ABSENT_OWNER_MS
    await lane.run("o2", [task("b")])
    assert kinds(await first_report(lane, "o1"))[-1] == "e1/a:AttemptSucceeded"


async def test_what_a_dead_owner_left_behind_is_forgotten() -> None:
    clock = Clock()
    lane = lane_of(echo, clock)
    listening = lane.reports("listening")
    waiting = asyncio.ensure_future(anext(listening))
    await asyncio.sleep(0)
    for number in range(20):
        clock.now += ABSENT_OWNER_MS // 10
        await lane.run(f"dead-{number}", [task("a")])
    assert len(lane._outgoing) <= 12
    clock.now += ABSENT_OWNER_MS + 1
    await lane.run("new", [task("a")])
    assert list(lane._outgoing) == ["listening", "new"]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
