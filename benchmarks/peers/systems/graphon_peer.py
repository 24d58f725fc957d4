"""graphon: a graph of nodes run by its engine's worker threads, in this process's memory; nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from graphon.engine import Engine
from graphon.entities.base_node_data import BaseNodeData
from graphon.enums import NodeExecutionType, NodeType, WorkflowNodeExecutionStatus
from graphon.graph import Graph
from graphon.node_events.base import NodeRunResult
from graphon.nodes.base.node import Node
from graphon.nodes.start import StartNode
from graphon.nodes.start.entities import StartNodeData
from graphon.runtime.init_params import InitParams
from graphon.runtime.runtime_state import RuntimeState
from graphon.runtime.variable_pool import VariablePool
from lines import Answer, Clock, Counter, Request, serve, versions

ran = Counter()


class StepData(BaseNodeData):
    """``previous`` names the node whose count is taken on, or is ""."""

    type: NodeType = "step"
    previous: str = ""


class StepNode(Node[StepData]):
    """A trivial node."""

    node_type = "step"
    execution_type = NodeExecutionType.EXECUTABLE

    @classmethod
    def version(cls) -> str:
        """Of this node type."""
        return "1"

    def _run(self) -> NodeRunResult:
        ran.add()
        previous = self.node_data.previous
        before = self.runtime_state.variable_pool.get([previous, "count"]).value if previous else 0
        outputs: Mapping[str, Any] = {"count": before + 1}
        return NodeRunResult(status=WorkflowNodeExecutionStatus.SUCCEEDED, outputs=outputs)


def execute(workload: str, steps: int) -> int:
    """Build the graph, run it, and read what the last nodes left."""
    state = RuntimeState(variable_pool=VariablePool(), start_at=time.perf_counter(), workflow_id="peer")
    params = InitParams(workflow_id="peer", graph_config={}, run_context={}, call_depth=0)
    start = StartNode(node_id="start", data=StartNodeData(title="start"), init_params=params, runtime_state=state)
    builder = Graph.new().add_root(start)
    names = [f"n{number}" for number in range(steps)]
    for previous, name in zip(["start", *names], names, strict=False):
        chained = workload == "chain"
        data = StepData(title=name, previous=previous if chained and previous != "start" else "")
        node = StepNode(node_id=name, data=data, init_params=params, runtime_state=state)
        builder.add_node(node, from_node_id=previous if chained else "start")
    engine = Engine(builder.build(), state)
    for _ in engine.run():
        pass
    last = names[-1:] if workload == "chain" else names
    return sum(int(state.variable_pool.get([name, "count"]).value) for name in last)


def run(request: Request) -> Answer:
    """From building the graph to its last event, for all executions; a graph and its engine serve one execution."""
    ran.take()
    clock = Clock()
    with ThreadPoolExecutor(request.in_flight) as pool:
        running = [pool.submit(execute, request.workload, request.steps) for _ in range(request.executions)]
        outputs = [each.result() for each in running]
    return Answer(clock.seconds(), outputs, ran.take())


def main() -> None:
    """Serve."""
    serve(run, {"versions": versions("graphon")})


if __name__ == "__main__":
    main()
