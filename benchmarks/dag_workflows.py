"""A graph of tasks as a workflow whose nodes wait, and whether a run of it counts. Measures nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks.list_schedule import Dag, Task, depths
from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.handlers.handler import NodeInput, NodeResult

Definition = dict[str, Any]

START, END = "start", "end"


class TimedTask:
    """A node type that waits for ``ms`` and puts out one more than the largest of ``levels``: how deep it lies.

    It counts as having an effect, so that it starts only after the results that it depends on are committed.
    """

    node_type = NodeType(
        name="timed-task",
        summary="Waits, as a task of a scientific workflow would compute.",
        lane=Lane.IO,
        effects=Effects.WRITE,
        fields={"ms": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """Its own name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """No errors of its own."""
        await asyncio.sleep(node.config["ms"] / 1_000)
        return NodeResult(data={"level": 1 + max(node.config["levels"], default=0)})


def framed(dag: Dag) -> Dag:
    """With the input and the output that a workflow has besides its tasks; they take no time."""
    leading = {feeder for task in dag for feeder in task.after}
    tasks = [Task(task.id, task.ms, task.after or (START,)) for task in dag]
    return [Task(START, 0), *tasks, Task(END, 0, tuple(task.id for task in dag if task.id not in leading))]


def definition_of(name: str, dag: Dag, slots: int) -> Definition:
    """The workflow of a graph; each task reads those that it waits for. Its output ``depth`` is that of the graph."""
    nodes: dict[str, Any] = {START: {"type": "input", "config": {"inputName": "n"}}}
    for task in dag:
        levels = [f"{{{{{feeder}.level}}}}" for feeder in task.after]
        nodes[task.id] = {"type": "timed-task", "config": {"ms": task.ms, "levels": levels}}
    found = depths(dag)
    deepest = max(found, key=found.__getitem__)
    config = {"outputName": "depth", "value": f"{{{{{deepest}.level}}}}", "format": "number"}
    nodes[END] = {"type": "output", "config": config, "join": "all"}
    edges = [{"source": feeder, "target": task.id} for task in framed(dag) for feeder in task.after]
    settings = {"maxConcurrentNodes": slots}
    return {"name": name, "nodes": nodes, "edges": edges, "entryPoint": START, "settings": settings}


def expected_outputs(dag: Dag) -> dict[str, Any]:
    """What the workflow must put out."""
    return {"depth": max(depths(dag).values())}


def disorder(events: Sequence[dict[str, Any]], dag: Dag, slots: int) -> str:
    """What a log shows that no schedule may do, or "": a task before one that it waits for, or too many at once."""
    after = {task.id: task.after for task in framed(dag)}
    ended: set[str] = set()
    running = 0
    for event in events:
        if event["type"] == "node.started":
            early = [feeder for feeder in after[event["instance"]] if feeder not in ended]
            if early:
                return f"{event['instance']} started before {early[0]} had ended"
            running += 1
        elif event["type"] == "node.completed":
            ended.add(event["instance"])
            running -= 1
        if running > slots:
            return f"{running} nodes ran at once on {slots} slots"
    return ""
