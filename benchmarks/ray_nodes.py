"""One, two and four nodes of Ray on this machine: what more of them bring, where work is the limit and where it is not.

``python -m benchmarks nodes``. Work that computes can scale as far as there are cores. Work that only waits needs no
core, so it shows what dispatching carries: each node of Ray has slots, and a slot is taken for a second.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from benchmarks import ray_cluster, work_node
from benchmarks.bench import BATCH_BOUNDARY, Bench, figure_of
from benchmarks.child import child
from benchmarks.measuring import Figure, Goal, report
from benchmarks.server import server_on
from benchmarks.workloads import Definition

NODES = (1, 2, 4)
SLOTS = 4
"""Of each node of Ray: a process of work for each."""

BURN_MS = 500
CORES = 1
"""Of each node of Ray, for what computes."""

IDLE_TASKS = 200
TURNS = 3
"""How often each slot is taken in a run."""


def working(count: int, burn_ms: int, sleep_ms: int, execution: dict[str, Any]) -> Definition:
    """``count`` nodes side by side, each in a Ray task of its own that asks for what ``execution`` says."""
    config = {"burnMs": burn_ms, "sleepMs": sleep_ms}
    node = {"type": work_node.NAME, "config": config, "execution": execution, "timeoutMs": 60_000}
    names = [f"w{number:04d}" for number in range(count)]
    nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "n"}}, **dict.fromkeys(names, node)}
    nodes["end"] = {"type": "output", "config": {"outputName": "done", "value": "yes"}, "join": "all"}
    edges = [{"source": "start", "target": name} for name in names]
    edges += [{"source": name, "target": "end"} for name in names]
    return {
        "name": f"{count} tasks", "nodes": nodes, "edges": edges, "entryPoint": "start",
        "settings": {"maxConcurrentNodes": 10_000},
    }  # fmt: skip


DONE = {"done": "yes"}
CORE = {"numCpus": 0, "resources": {"bench_core": 1}}
SLOT = {"numCpus": 0, "resources": {"bench_slot": 1}}


def waiting(bench: Bench, nodes: int, rounds: int) -> Figure:
    """Every slot is taken for a second, several times over."""
    slots = nodes * SLOTS
    definition = working(slots * TURNS, 0, 1_000, SLOT)
    figure = bench.figure(f"{_nodes(nodes)}: {slots * TURNS} tasks that wait 1 s", definition, DONE, rounds)
    details = {"nodes": nodes, "work": slots * TURNS}
    return replace(figure, note=figure.note or f"{slots} slots, so {TURNS} s at least", details=details)


def computing(bench: Bench, nodes: int, rounds: int) -> Figure:
    """A batch of executions, each with one task that computes."""
    count = nodes * CORES * 4 * TURNS
    definition = working(1, BURN_MS, 0, CORE)
    workflow_id = bench.save(definition)
    bench.batch(workflow_id, count, definition, DONE)
    runs = [bench.batch(workflow_id, count, definition, DONE) for _ in range(rounds)]
    name = f"{_nodes(nodes)}: batch of {count} x {BURN_MS} ms of computing"
    note = f"cores for work: {nodes * CORES} of {os.cpu_count()}"
    figure = replace(figure_of(name, runs), boundary=BATCH_BOUNDARY)
    return replace(figure, note=figure.note or note, details={"nodes": nodes, "work": count})


def dispatching(bench: Bench, nodes: int, rounds: int) -> Figure:
    """Tasks without any work: what is left is the way there and back."""
    name = f"{_nodes(nodes)}: {IDLE_TASKS} tasks without work"
    return bench.figure(name, working(IDLE_TASKS, 0, 0, SLOT), DONE, rounds)


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'} of Ray"


def gains(figures: Sequence[Figure], what: str, goal: Goal | None) -> list[Figure]:
    """How much more work each number of nodes does in a second than the number before."""
    found = []
    for fewer, more in pairwise(figures):
        problem = next((figure.note for figure in (fewer, more) if not figure.valid), "")
        speeds = [0.0 if problem else figure.details["work"] / figure.median for figure in (fewer, more)]
        gain = 0.0 if problem else speeds[1] / speeds[0]
        name = f"  {what}: gain from {fewer.details['nodes']} to {more.details['nodes']} nodes"
        found.append(Figure(name, "x", [gain], "work done in a second, by medians", not problem, problem, goal=goal))
    return found


def main(database: str = "sqlite", quick: bool = False) -> None:
    """One server throughout, to which nodes come."""
    rounds, wanted = (1, NODES[:2]) if quick else (3, NODES)
    waits: list[Figure] = []
    computes: list[Figure] = []
    with (
        child(ray_cluster.__file__, CORES, SLOTS) as (address, ask),
        server_on(database, ray_address=address) as server,
        Bench(server) as bench,
    ):
        there = 0
        for nodes in wanted:
            while there < nodes:
                ask("add")
                there += 1
            waits.append(waiting(bench, nodes, rounds))
            if nodes <= 2:
                computes.append(computing(bench, nodes, rounds))
        goal = Goal(1.8, at_least=True)
        has_cores = (os.cpu_count() or 1) > 2 * CORES
        figures = [*waits, *gains(waits, "waiting", goal)]
        figures += [*computes, *gains(computes, "computing", goal if has_cores else None)]
        figures.append(dispatching(bench, there, rounds))
        report(f"Nodes of Ray, {database}", figures, f"nodes-{database}", server.facts())


if __name__ == "__main__":
    main()
