"""flowray runs graphs exactly as the list schedule says, if nothing but the tasks takes time. No wall clock here."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.dag_recipes import RECIPES, scaled
from benchmarks.dag_workflows import TimedTask, definition_of, disorder, expected_outputs, framed
from benchmarks.list_schedule import Dag, Schedule, Task, list_schedule
from flowray.compiler.documents import compile_document
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.machine import new_state, step
from flowray.engine.plan_index import PlanIndex
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.plan import ExecutionPlan
from tests.runtime.harness import START_MS, Desk
from tests.runtime.test_local import bench

SIZES = [(50, 10), (300, 32), (300, 1), (1_000, 64)]
if os.environ.get("FLOWRAY_ACCEPTANCE_FULL"):
    SIZES.append((2_000, 100))

DIAMOND = [Task("a", 2), Task("b", 3, ("a",)), Task("c", 5, ("a",)), Task("d", 1, ("b", "c"))]


def registry() -> NodeRegistry:
    found = default_registry(plugins=False)
    found.register(TimedTask())
    return found


def plan_of(dag: Dag, slots: int) -> ExecutionPlan:
    return compile_document(definition_of("graph", dag, slots), registry().node_types()).plan


def engine_schedule(dag: Dag, slots: int) -> Schedule:
    """What the engine decides, on a clock on which only tasks take time."""
    index, state = PlanIndex(plan_of(dag, slots)), new_state()
    lengths = {task.id: task.ms for task in framed(dag)}
    running: list[tuple[int, int, RunNode]] = []
    starts: dict[str, int] = {}
    now = 0
    stimulus: st.AnyStimulus = st.Start(ts=1)
    while True:
        for command in step(index, state, stimulus).commands:
            if isinstance(command, RunNode):
                heapq.heappush(running, (now + lengths[command.node_id], len(starts), command))
                starts[command.node_id] = now
        if not running:
            break
        now, _, call = heapq.heappop(running)
        stimulus = st.AttemptSucceeded(ts=now + 1, instance=call.instance, attempt=call.attempt, output={"level": 1})
    assert state.status.value == "completed"
    return Schedule(starts, now)


def driver_schedule(dag: Dag, slots: int) -> Schedule:
    """The same through the driver: every step is committed, and what it leads to is dispatched, before the next."""
    desk = Desk()
    lengths = {task.id: task.ms for task in framed(dag)}
    running: list[tuple[int, int, NodeTask]] = []
    starts: dict[str, int] = {}
    desk.start(plan_of(dag, slots), n=1)
    while True:
        for task in desk.executor.tasks[len(starts) :]:
            heapq.heappush(running, (desk.clock.now + lengths[task.node_id], len(starts), task))
            starts[task.node_id] = desk.clock.now - START_MS
        if not running:
            break
        desk.clock.now, _, ended = heapq.heappop(running)
        desk.answer(ended.instance, {"level": 1})
    assert desk.row().status == "completed"
    return Schedule(starts, desk.clock.now - START_MS)


def follows_the_list_schedule(found_by: Callable[[Dag, int], Schedule], name: str, size: int, slots: int) -> None:
    dag = scaled(RECIPES[name](size), slots, 10_000)
    expected = list_schedule(framed(dag), slots)
    found = found_by(dag, slots)
    assert list(found.starts.items()) == list(expected.starts.items())
    assert found.makespan_ms == expected.makespan_ms


@pytest.mark.parametrize(("size", "slots"), SIZES)
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_r13_the_engine_follows_the_list_schedule_exactly(name: str, size: int, slots: int) -> None:
    """Every task starts at the very millisecond, and in the very order."""
    follows_the_list_schedule(engine_schedule, name, size, slots)


@pytest.mark.parametrize(("size", "slots"), [(50, 10), (200, 16)])
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_r24_so_does_the_driver_with_a_commit_before_every_start(name: str, size: int, slots: int) -> None:
    follows_the_list_schedule(driver_schedule, name, size, slots)


async def test_a_workflow_of_timed_tasks_puts_out_how_deep_it_is() -> None:
    """Through handlers and a lane: each task reads the levels of those before it."""
    async with bench(registry()) as desk:
        row = await desk.run(plan_of(DIAMOND, 2), n=1)
    assert (row.status, row.outputs) == ("completed", expected_outputs(DIAMOND)) == ("completed", {"depth": 3})


def test_the_frame_adds_an_input_and_an_output_that_take_no_time() -> None:
    first, *_, last = framed([Task("a", 5), Task("b", 5)])
    assert (first, last) == (Task("start", 0), Task("end", 0, ("a", "b")))
    assert framed([Task("a", 5)])[1] == Task("a", 5, ("start",))


def log(*happened: str) -> list[dict[str, Any]]:
    """``+a`` starts, ``-a`` completes."""
    names = {"+": "node.started", "-": "node.completed"}
    return [{"type": names[entry[0]], "instance": entry[1:]} for entry in happened]


@pytest.mark.parametrize(
    ("happened", "slots", "problem"),
    [
        (("+start", "-start", "+a", "-a", "+b", "+c", "-b", "-c", "+d", "-d", "+end", "-end"), 2, ""),
        (("+start", "-start", "+a", "-a", "+b", "+c"), 1, "2 nodes ran at once on 1 slots"),
        (("+start", "-start", "+a", "-a", "+b", "+c", "-b", "+d"), 3, "d started before c had ended"),
    ],
)
def test_a_log_that_no_schedule_may_show_is_found(happened: tuple[str, ...], slots: int, problem: str) -> None:
    assert disorder(log(*happened), DIAMOND, slots) == problem
