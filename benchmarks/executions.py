"""The workloads of the goals on a warm server: chains, fan-outs, nodes that wait, many executions.

``python -m benchmarks executions [--database postgresql]``. How the cost grows with the size is in ``sizes``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.bench import Bench, rate
from benchmarks.measuring import Figure, Goal, report
from benchmarks.resident import waiting_figures
from benchmarks.server import server_on
from benchmarks.workloads import chain, effect_chain, fan_out
from tests.fakes.loopback import loopback_server


async def slow(request: Request) -> JSONResponse:
    """Answers after ``ms``."""
    await asyncio.sleep(int(request.query_params.get("ms", "1000")) / 1000)
    return JSONResponse({"n": request.query_params.get("n")})


@contextmanager
def slow_server() -> Iterator[str]:
    """The URL of a server that takes a second for each answer, as many at once as are asked."""
    with loopback_server(Starlette(routes=[Route("/slow", slow)])) as url:
        yield f"{url}/slow?ms=1000"


def measured(bench: Bench, slow_url: str, rounds: int) -> list[Figure]:
    """All of them."""
    figures = bench.first_event(rounds * 40)
    count = {"count": 100}
    figures.append(bench.figure("chain of 100 pure nodes", chain(100), count, rounds, goal=Goal(0.015)))
    figures.append(bench.figure("chain of 100 effects", effect_chain(100), count, rounds, goal=Goal(0.1)))
    figures.append(bench.figure("fan-out of 100", fan_out(100), count, rounds, goal=Goal(0.015)))
    figures += waiting_figures(bench, 200, slow_url, rounds, Goal(1.2), Goal(150))
    for name, definition, goal in (
        ("200 executions x 10 effects", effect_chain(10), Goal(1_000, at_least=True)),
        ("200 executions x 10 pure steps", chain(10), None),
    ):
        many = bench.many(name, 200, definition, {"count": 10}, rounds)
        figures += [many, rate(many, 200, goal)]
    return figures


def main(database: str = "sqlite", quick: bool = False) -> None:
    """All workloads on one warm server."""
    with slow_server() as slow_url, server_on(database) as server, Bench(server) as bench:
        figures = measured(bench, slow_url, 1 if quick else 5)
        report(f"Executions, {database}", figures, f"executions-{database}", server.facts())
