"""The work for several nodes of Ray, and what is made of its figures. Starts no Ray."""

from __future__ import annotations

from benchmarks.measuring import Figure, Goal
from benchmarks.ray_nodes import SLOT, gains, working
from benchmarks.work_node import NAME, WorkNode
from flowray.compiler.documents import compile_document
from flowray.definition.policies import Lane
from flowray.handlers.registry import NodeRegistry, default_registry
from tests.handlers.running import output


def measured(nodes: int, work: int, seconds: float, problem: str = "") -> Figure:
    return Figure("work", "s", [seconds], "", not problem, problem, {"nodes": nodes, "work": work})


def test_twice_the_work_in_the_same_time_is_a_gain_of_two() -> None:
    found = gains(
        [measured(1, 10, 3.0), measured(2, 20, 3.0), measured(4, 40, 4.0)], "waiting", Goal(1.8, at_least=True)
    )
    assert [(figure.name.strip(), figure.median) for figure in found] == [
        ("waiting: gain from 1 to 2 nodes", 2.0),
        ("waiting: gain from 2 to 4 nodes", 1.5),
    ]


def test_no_gain_from_what_does_not_count() -> None:
    (found,) = gains([measured(1, 10, 3.0), measured(2, 20, 0.0, "2 events of 3")], "waiting", None)
    assert (found.valid, found.note) == (False, "2 events of 3")


def test_each_node_is_a_task_that_takes_a_slot() -> None:
    types = {**default_registry(plugins=False).node_types(), NAME: WorkNode.node_type}
    plan = compile_document(working(3, 0, 1_000, SLOT), types).plan
    assert plan is not None
    tasks = [node for node in plan.nodes.values() if node.type == NAME]
    assert len(tasks) == 3
    for node in tasks:
        assert node.lane == Lane.TASK
        assert node.resources is not None
        assert node.resources.resources == {"bench_slot": 1}


async def test_work_is_done() -> None:
    config = {"burnMs": 1, "sleepMs": 0}
    assert await output(NAME, config, registry=NodeRegistry([WorkNode()])) == 1
