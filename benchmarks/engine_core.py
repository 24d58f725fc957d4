"""The engine alone: microseconds per node for chains and fan-outs. ``python benchmarks/engine_core.py [--large]``."""

from __future__ import annotations

import argparse
import time
from collections import deque
from itertools import pairwise

from flowray.definition.node_type import Role
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.context import context_for
from flowray.engine.events import encode_events
from flowray.engine.machine import new_state, step
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.snapshot import snapshot_to_json
from flowray.plan import ROOT, Container, ExecutableNode, ExecutionPlan, PlanEdge, PlanSettings, ScopePlan

SIZES = (100, 1_000, 10_000)
EVENTS_PER_NODE = 3
"""ready, started, completed"""


def chain(size: int) -> ExecutionPlan:
    """Each node reads the one before."""
    ids = [f"node-{number}" for number in range(size)]
    pairs = list(pairwise(ids))
    return _plan(ids, pairs, {source: (target,) for source, target in pairs})


def fan_out(size: int) -> ExecutionPlan:
    """One source, many nodes that read it, one join that reads them all."""
    ids = ["source", *(f"node-{number}" for number in range(size - 2)), "join"]
    middle = ids[1:-1]
    pairs = [("source", node_id) for node_id in middle] + [(node_id, "join") for node_id in middle]
    return _plan(ids, pairs, {"source": tuple(middle), **dict.fromkeys(middle, ("join",))})


def loop(size: int) -> ExecutionPlan:
    """One loop of ``size`` rounds around one node."""
    body = ExecutableNode(id="body", type="noop", scope="loop")
    return ExecutionPlan(
        nodes={"loop": ExecutableNode(id="loop", type="loop", role=Role.LOOP), "body": body},
        scopes={
            ROOT: ScopePlan(id=ROOT, nodes=("loop",), starts=("loop",)),
            "loop": ScopePlan(id="loop", nodes=("body",), starts=("body",)),
        },
        containers={"loop": Container(id="loop", mode="for", terminals=("body",), max_iterations=size)},
        start_nodes=("loop",),
    )


def _plan(ids: list[str], pairs: list[tuple[str, str]], readers: dict[str, tuple[str, ...]]) -> ExecutionPlan:
    reads: dict[str, dict[str, tuple[str, ...]]] = {node_id: {} for node_id in ids}
    for provider, names in readers.items():
        for reader in names:
            reads[reader][provider] = (provider,)
    nodes = {node_id: ExecutableNode(id=node_id, type="noop", providers=reads[node_id]) for node_id in ids}
    edges = tuple(PlanEdge(f"e{number}", source, target) for number, (source, target) in enumerate(pairs))
    scope = ScopePlan(id=ROOT, nodes=tuple(ids), edges=edges, starts=(ids[0],))
    return ExecutionPlan(
        nodes=nodes, scopes={ROOT: scope}, readers=readers, settings=PlanSettings(max_concurrent_nodes=64)
    )


def drive(plan: ExecutionPlan, size: int, with_context: bool) -> tuple[float, list[bytes], PlanIndex, bytes]:
    """Run a plan to its end. Returns seconds, the log, the index and the last snapshot."""
    index, state = PlanIndex(plan), new_state()
    log: list[bytes] = []
    pending: deque[RunNode] = deque()
    started = time.perf_counter()
    stimulus: st.AnyStimulus = st.Start(ts=1)
    while True:
        events, commands = step(index, state, stimulus)
        log.append(encode_events(events))
        for command in commands:
            if isinstance(command, RunNode):
                if with_context:
                    context_for(index, state, command.instance)
                pending.append(command)
        if not pending:
            break
        call = pending.popleft()
        output = {"total": size} if call.sentinel else {"value": 1}
        stimulus = st.AttemptSucceeded(ts=2, instance=call.instance, attempt=call.attempt, output=output)
    elapsed = time.perf_counter() - started
    assert state.status.value == "completed", state.status
    return elapsed, log, index, snapshot_to_json(state)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also 100,000 nodes")
    sizes = (*SIZES, 100_000) if parser.parse_args().large else SIZES
    print(
        f"{'plan':8} {'nodes':>8} {'seconds':>8} {'µs/node':>8} {'µs/event':>9} {'+context':>9} {'fold µs/event':>14}"
    )
    for name, make in (("chain", chain), ("fan-out", fan_out), ("loop", loop)):
        for size in sizes:
            if name == "loop" and size > SIZES[-1]:
                continue
            plan = make(size)
            seconds, log, index, _ = drive(plan, size, with_context=False)
            with_context, *_ = drive(plan, size, with_context=True)
            events = size * EVENTS_PER_NODE
            began = time.perf_counter()
            replay(index, log)
            fold = (time.perf_counter() - began) / events * 1e6
            print(
                f"{name:8} {size:8,} {seconds:8.3f} {seconds / size * 1e6:8.1f} {seconds / events * 1e6:9.1f} "
                f"{with_context / events * 1e6:9.1f} {fold:14.1f}"
            )


if __name__ == "__main__":
    main()
