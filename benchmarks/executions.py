"""The workloads of the goals on a warm server: chains, fan-outs, nodes that wait, many executions.

``python -m benchmarks executions [--database postgresql]``. How the cost grows with the size is in ``sizes``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import slow_server
from benchmarks.bench import Bench, rate
from benchmarks.child import child
from benchmarks.measuring import Figure, Goal, report
from benchmarks.resident import waiting_figures
from benchmarks.server import server_on
from benchmarks.workloads import chain, effect_chain, fan_out


@contextmanager
def slow_url() -> Iterator[str]:
    """The URL of a server that takes a second for each answer, as many at once as are asked."""
    with child(slow_server.__file__) as (url, _):
        yield f"{url}/slow?ms=1000"


def measured(bench: Bench, url: str, rounds: int) -> list[Figure]:
    """All of them."""
    figures = bench.first_event(rounds * 40)
    count = {"count": 100}
    figures.append(bench.figure("chain of 100 pure nodes", chain(100), count, rounds, goal=Goal(0.015)))
    figures.append(bench.figure("chain of 100 effects", effect_chain(100), count, rounds, goal=Goal(0.1)))
    figures.append(bench.figure("fan-out of 100", fan_out(100), count, rounds, goal=Goal(0.015)))
    figures += waiting_figures(bench, 200, url, rounds, Goal(1.2), Goal(150))
    for name, definition, goal in (
        ("200 executions x 10 effects", effect_chain(10), Goal(1_000, at_least=True)),
        ("200 executions x 10 pure steps", chain(10), None),
    ):
        many = bench.many(name, 200, definition, {"count": 10}, rounds)
        figures += [many, rate(many, 200, goal)]
    return figures


def main(database: str = "sqlite", quick: bool = False) -> None:
    """All workloads on one warm server."""
    with slow_url() as url, server_on(database) as server, Bench(server) as bench:
        figures = measured(bench, url, 1 if quick else 5)
        report(f"Executions, {database}", figures, f"executions-{database}", server.facts())
