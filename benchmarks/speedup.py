"""What running side by side brings: the same workflow at ``maxConcurrentNodes`` 1 and at its default, in process.

Five shapes of nodes that wait, against a loopback server that takes ``DELAY_MS`` for each answer.
"""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.ledger import problem_of, seconds_of
from benchmarks.local import Local, local_runtime
from benchmarks.measuring import Figure, report
from benchmarks.shapes import SHAPES, Definition, Shape
from flowray.compiler.documents import compile_document
from tests.fakes.loopback import loopback_server

DELAY_MS = 100


async def _slow(_: Request) -> JSONResponse:
    await asyncio.sleep(DELAY_MS / 1000)
    return JSONResponse({})


async def run_once(local: Local, definition: Definition) -> tuple[float, str]:
    """``(seconds from the start to the terminal event, why it does not count)``."""
    plan = compile_document(definition, local.registry.node_types()).plan
    (record,) = await local.run(plan, {"n": 1})
    return seconds_of([record]), problem_of(local.runtime.reader, record, definition, {"done": "yes"})


async def _measured(local: Local, shape: Shape, url: str, rounds: int) -> list[Figure]:
    runs = [
        (await run_once(local, shape.definition(url, at_once=1)), await run_once(local, shape.definition(url)))
        for _ in range(rounds)
    ]
    problem = next((problem for pair in runs for _, problem in pair if problem), "")
    boundary = f"in process, commit of the start to the terminal event; {DELAY_MS} ms per answer"
    best = f"{len(shape.waiting)} nodes wait, {shape.longest} behind one another: at most {shape.gain:.1f}"
    columns = [
        ("one at a time", "s", [slow for (slow, _), _ in runs], boundary),
        ("default", "s", [fast for _, (fast, _) in runs], boundary),
        ("gain", "x", [slow / fast for (slow, _), (fast, _) in runs], "pair by pair"),
    ]
    return [
        Figure(f"{shape.name}, {name}", unit, samples, where, not problem, problem or (best if unit == "x" else ""))
        for name, unit, samples, where in columns
    ]


def main(rounds: int = 5) -> None:
    """All shapes, each pair in turn, after one run to warm up."""
    app = Starlette(routes=[Route("/{name}", _slow)])
    with loopback_server(app) as server, local_runtime() as local:
        url = f"{server}/"
        asyncio.run(run_once(local, SHAPES[0].definition(url)))
        figures = [figure for shape in SHAPES for figure in asyncio.run(_measured(local, shape, url, rounds))]
        facts = {"delay_ms": DELAY_MS, **local.facts()}
    report("Side by side", figures, "speedup", facts)


if __name__ == "__main__":
    main()
