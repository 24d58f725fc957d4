"""A fan-out of 10,000 nodes beside as many plain Ray tasks, in turns: the other's processes are there, and idle.

``python -m benchmarks tasks [--database postgresql]``. flowray commits every result; Ray keeps none of them.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks import plain_ray
from benchmarks.bench import Bench, figure_of
from benchmarks.child import Ask, child
from benchmarks.measuring import Figure, Goal, report
from benchmarks.server import server_on
from benchmarks.workloads import fan_out

WIDTHS = (100, 9_998)
"""With its input and its output the larger one has 10,000 nodes, the most that a workflow may have."""


def compared(bench: Bench, ask: Ask, width: int, rounds: int) -> list[Figure]:
    """Both, and how many times faster flowray is, pair by pair; after one run of each to warm up."""
    definition, expected = fan_out(width), {"count": width}
    workflow_id = bench.save(definition)
    bench.once(workflow_id, definition, expected)
    ask(str(width))
    plain, runs = [], []
    for _ in range(rounds):
        plain.append(float(ask(str(width))))
        runs.append(bench.once(workflow_id, definition, expected))
    ours = figure_of(f"fan-out of {width:,}", runs)
    boundary = "first submission to the last result, all at once"
    by_engine, by_http = (
        [seconds / taken if taken else 0.0 for seconds, taken in zip(plain, took, strict=True)]
        for took in (ours.samples, ours.http or [0.0] * rounds)
    )
    goal = Goal(10, at_least=True) if width > 1_000 else None
    return [
        Figure(f"{width:,} plain Ray tasks", "s", plain, boundary),
        ours,
        replace(ours, name="  times as fast as Ray", unit="x", samples=by_engine, http=by_http, goal=goal),
    ]


def main(database: str = "sqlite", quick: bool = False) -> None:
    """Both widths."""
    with child(plain_ray.__file__) as (_, ask), server_on(database) as server, Bench(server) as bench:
        widths = WIDTHS[:1] if quick else WIDTHS
        figures = [figure for width in widths for figure in compared(bench, ask, width, 2 if quick else 5)]
        report(f"Plain Ray tasks, {database}", figures, f"tasks-{database}", server.facts())
