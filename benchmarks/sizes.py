"""How the cost grows with the size: chains, fan-outs, batches and nodes that wait, from ten to ten thousand.

``python -m benchmarks sizes [--database postgresql]``, on one warm server. ``plots`` draws what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.bench import BATCH_BOUNDARY, Bench, figure_of, rate
from benchmarks.executions import slow_url
from benchmarks.measuring import Figure, Goal, report
from benchmarks.resident import family, resident_mib, waiting_figures
from benchmarks.server import server_on
from benchmarks.workloads import Definition, chain, fan_out

NODES = (10, 100, 1_000, 9_998)
"""With its input and its output a workflow has 10,000 nodes, the most that one may have."""

WAITING = (10, 100, 1_000, 5_000)
BATCH = (10, 100, 1_000, 10_000)
BATCH_STEPS = 5

SETTLED = 1_000
"""Executions after which caches and code are warm: growth counts from here."""


def of_nodes(bench: Bench, series: str, shape: Callable[[int], Definition], sizes: Sequence[int]) -> list[Figure]:
    """One figure for each size."""
    return [
        bench.figure(
            f"{series} of {size:,}", shape(size), {"count": size}, rounds_for(size),
            details={"series": series, "size": size},
        )
        for size in sizes
    ]  # fmt: skip


def of_waiting(bench: Bench, url: str, sizes: Sequence[int]) -> list[Figure]:
    """Nodes that each wait a second."""
    figures = []
    for size in sizes:
        goal = Goal(3.0) if size == 5_000 else None
        figures += waiting_figures(bench, size, url, min(3, rounds_for(size)), goal)
    return figures


def of_batch(bench: Bench, sizes: Sequence[int]) -> list[Figure]:
    """Executions of five steps, started by one call: seconds, rate, and how memory grows while the largest runs."""
    definition = chain(BATCH_STEPS)
    workflow_id = bench.save(definition)
    bench.batch(workflow_id, 10, definition, {"count": BATCH_STEPS})
    figures: list[Figure] = []
    for size in sizes:
        memory: list[tuple[int, float]] = []

        def look(ended: int, kept: list[tuple[int, float]] = memory) -> None:
            kept.append((ended, resident_mib(family(bench.pid))))

        rounds = range(rounds_for(size))
        runs = [bench.batch(workflow_id, size, definition, {"count": BATCH_STEPS}, look) for _ in rounds]
        details = {"series": "batch", "size": size}
        figure = replace(
            figure_of(f"batch of {size:,} x {BATCH_STEPS} steps", runs, None, details), boundary=BATCH_BOUNDARY
        )
        figures += [figure, rate(figure, size, Goal(1_000, at_least=True) if size == 10_000 else None)]
        if size > SETTLED:
            figures.append(_growth(memory, size, figure))
    return figures


def _growth(memory: Sequence[tuple[int, float]], size: int, figure: Figure) -> Figure:
    """MiB from the first look with ``SETTLED`` ended in a run to the last of that run."""
    grown: list[float] = []
    settled: float | None = None
    for ended, mib in memory:
        if settled is None and ended >= SETTLED:
            settled = mib
        if ended == size and settled is not None:
            grown.append(mib - settled)
            settled = None
    details = {"points": list(memory)}
    boundary = f"resident memory of all processes, from {SETTLED:,} ended to {size:,}"
    valid = figure.valid and bool(grown)
    return Figure(
        f"  more memory, from {SETTLED:,} to {size:,}", "MiB", grown or [0.0], boundary, valid, figure.note, details
    )


def rounds_for(size: int) -> int:
    """Several where they are short."""
    return 5 if size <= 100 else 3


def main(database: str = "sqlite", quick: bool = False) -> None:
    """All four curves on one warm server."""
    most = 100 if quick else 10_000
    nodes, waits, batches = ([size for size in sizes if size <= most] for sizes in (NODES, WAITING, BATCH))
    with slow_url() as url, server_on(database) as server, Bench(server) as bench:
        figures = of_nodes(bench, "chain", chain, nodes)
        figures += of_nodes(bench, "fan-out", fan_out, nodes)
        figures += of_batch(bench, batches)
        figures += of_waiting(bench, url, waits)
        report(f"Cost by size, {database}", figures, f"sizes-{database}", server.facts())
