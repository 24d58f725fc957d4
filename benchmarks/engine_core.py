"""The engine alone, no Ray, no storage: microseconds per event, by size; what parallels hold in memory."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.measuring import Figure, Goal, report
from flowray.definition.node_type import Role
from flowray.engine import stimuli as st
from flowray.engine.commands import COLLECT, RunNode
from flowray.engine.context import context_for
from flowray.engine.events import encode_events
from flowray.engine.machine import new_state, step
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.plan import ROOT, Container, ExecutableNode, ExecutionPlan, PlanEdge, PlanSettings, ScopePlan
from flowray.values import StoredValue, Value

SIZES = (100, 1_000, 10_000, 100_000)
ROUNDS = 3

LIMIT_US = 30
"""Promised per node event, for chains and fan-outs."""


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
    return _around_one_node(Role.LOOP, Container(id="around", mode="for", terminals=("body",), max_iterations=size), 64)


def parallel(size: int, at_once: int = 64) -> ExecutionPlan:
    """One parallel of ``size`` branches of one node, ``at_once`` running."""
    container = Container(id="around", mode="count", terminals=("body",), max_concurrency=at_once)
    return _around_one_node(Role.PARALLEL, container, at_once)


def _around_one_node(role: Role, container: Container, at_once: int) -> ExecutionPlan:
    around = ExecutableNode(id="around", type=role.value, role=role)
    return ExecutionPlan(
        nodes={"around": around, "body": ExecutableNode(id="body", type="noop", scope="around")},
        scopes={
            ROOT: ScopePlan(id=ROOT, nodes=("around",), starts=("around",)),
            "around": ScopePlan(id="around", nodes=("body",), starts=("body",)),
        },
        containers={"around": container},
        start_nodes=("around",),
        settings=PlanSettings(max_concurrent_nodes=at_once),
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


@dataclass
class Drive:
    """One run to its end: seconds of processor time (others on the machine hardly touch it), events, the log if any."""

    index: PlanIndex
    seconds: float = 0.0
    events: int = 0
    log: list[bytes] = field(default_factory=list)


def drive(plan: ExecutionPlan, size: int, *, with_context: bool = False, keep_log: bool = True) -> Drive:
    """Run a plan to its end, the oldest attempt first; ``size`` is how often containers repeat their bodies.

    ``with_context`` also makes what each attempt may read, as a dispatch does.
    """
    index, state = PlanIndex(plan), new_state()
    done = Drive(index)
    pending: deque[RunNode] = deque()
    started = time.process_time()
    stimulus: st.AnyStimulus = st.Start(ts=1)
    while True:
        events, commands = step(index, state, stimulus)
        done.events += len(events)
        encoded = encode_events(events)
        if keep_log:
            done.log.append(encoded)
        for command in commands:
            if isinstance(command, RunNode):
                if with_context:
                    context_for(index, state, command.instance)
                pending.append(command)
        if not pending:
            break
        call = pending.popleft()
        stimulus = st.AttemptSucceeded(ts=2, instance=call.instance, attempt=call.attempt, output=_answer(call, size))
    done.seconds = time.process_time() - started
    if state.status.value != "completed":
        raise RuntimeError(f"the run ended {state.status}")
    return done


def _answer(call: RunNode, size: int) -> Value:
    """What a lane answers: how often a container repeats, where a chunk of its results is, or a node's output."""
    if call.sentinel == COLLECT:
        return StoredValue(payload_id=f"{call.instance}/{call.attempt}", bytes=1_000_000, length=-1)
    return {"total": size} if call.sentinel else {"value": 1}


def peak_bytes(plan: ExecutionPlan, size: int) -> int:
    """The most memory that a run needs at any time besides its plan; its log leaves as it does for a journal."""
    gc.collect()
    tracemalloc.start()
    try:
        drive(plan, size, keep_log=False)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _times(name: str, make: Callable[[int], ExecutionPlan], sizes: Sequence[int]) -> list[Figure]:
    figures = []
    per_node: dict[int, float] = {}
    for size in sizes:
        plan = make(size)
        runs = [drive(plan, size) for _ in range(ROUNDS)]
        per_event = [run.seconds / run.events * 1e6 for run in runs]
        # The quickest round, for the comparison of sizes: what is slower than that is the machine's doing.
        per_node[size] = min(run.seconds / size * 1e6 for run in runs)
        context = drive(plan, size, with_context=True)
        began = time.process_time()
        replay(runs[0].index, runs[0].log)
        fold = (time.process_time() - began) / runs[0].events * 1e6
        note = (
            f"{per_node[size]:.1f} per node; {context.seconds / context.events * 1e6:.1f} per event with context; "
            f"{fold:.1f} per event to fold the log"
        )
        boundary = "processor time of step and encoding, per event"
        figures.append(Figure(f"{name} of {size:,}", "µs", per_event, boundary, note=note, goal=Goal(LIMIT_US)))
    growth = per_node[sizes[-1]] / per_node[sizes[0]]
    boundary = f"time per node at {sizes[-1]:,} by that at {sizes[0]:,}, quickest rounds"
    figures.append(Figure(f"  {name}, growth per node", "x", [growth], boundary, goal=Goal(2)))
    return figures


def _memory() -> list[Figure]:
    """What a parallel holds: for each branch that has returned its result, for each that runs its scope."""
    boundary = "peak of what Python allocates during the run, by tracemalloc"
    peaks = {
        (size, at_once): peak_bytes(parallel(size, at_once), size) / 1e6
        for size, at_once in ((1_000, 10), (10_000, 10), (10_000, 1_000), (10_000, 10_000))
    }
    figures = [
        Figure(f"parallel of {size:,}, {at_once:,} at once", "MB", [peak], boundary)
        for (size, at_once), peak in peaks.items()
    ]
    returned = (peaks[10_000, 10] - peaks[1_000, 10]) / 9_000 * 1e3
    running = (peaks[10_000, 10_000] - peaks[10_000, 10]) / 9_990 * 1e3
    figures.append(Figure("a branch that has returned", "KB", [returned], boundary))
    figures.append(Figure("a branch that runs, besides", "KB", [running], boundary))
    return figures


def main() -> None:
    """Chains and fan-outs up to 100,000 nodes, loops and parallels up to 10,000 rounds, memory of parallels."""
    figures = [
        *_times("chain", chain, SIZES), *_times("fan-out", fan_out, SIZES), *_times("loop", loop, SIZES[:-1]),
        *_times("parallel", parallel, SIZES[:-1]), *_memory(),
    ]  # fmt: skip
    report("The engine alone", figures, "engine_core", {"rounds": ROUNDS})


if __name__ == "__main__":
    main()
