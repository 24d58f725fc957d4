"""What running side by side brings: the same workflow at ``maxConcurrentNodes`` 1 and at its default, in process.

Five shapes of nodes that wait, against a loopback server that takes ``DELAY_MS`` for each answer.
"""

from __future__ import annotations

import asyncio
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.measuring import Figure, report
from benchmarks.shapes import SHAPES, Definition, Shape
from flowray.compiler.documents import compile_document
from flowray.sdk.session import LocalSession
from flowray.settings import Settings
from tests.fakes.loopback import loopback_server

DELAY_MS = 100


async def _slow(_: Request) -> JSONResponse:
    await asyncio.sleep(DELAY_MS / 1000)
    return JSONResponse({})


def _seconds(session: LocalSession, definition: Definition) -> float:
    """From the start to the last event. Raises RuntimeError if the run does not count."""
    compiled = compile_document(definition, session.node_types)
    began = time.perf_counter()
    execution_id = session.start(compiled, {"n": 1})
    for _ in session.events(execution_id):
        pass
    took = time.perf_counter() - began
    execution = session.execution(execution_id)
    if execution["outputs"] != {"done": "yes"}:
        raise RuntimeError(f"{definition['name']} ended {execution['status']}: {execution['error']}")
    return took


def _measured(session: LocalSession, shape: Shape, url: str, rounds: int) -> list[Figure]:
    one_by_one: list[float] = []
    at_once: list[float] = []
    for _ in range(rounds):
        one_by_one.append(_seconds(session, shape.definition(url, at_once=1)))
        at_once.append(_seconds(session, shape.definition(url)))
    boundary = f"in process, from the start to the last event; {DELAY_MS} ms per answer"
    ratios = [slow / fast for slow, fast in zip(one_by_one, at_once, strict=True)]
    best = f"{len(shape.waiting)} nodes wait, {shape.longest} behind one another: at most {shape.gain:.1f}"
    return [
        Figure(f"{shape.name}, one at a time", "s", one_by_one, boundary),
        Figure(f"{shape.name}, default", "s", at_once, boundary),
        Figure(f"{shape.name}, gain", "x", ratios, "pair by pair", note=best),
    ]


def main(rounds: int = 5) -> None:
    """All shapes, each pair in turn, after one run to warm up."""
    app = Starlette(routes=[Route("/{name}", _slow)])
    with loopback_server(app) as server, LocalSession(Settings(allow_private_targets=True)) as session:
        url = f"{server}/"
        _seconds(session, SHAPES[0].definition(url))
        figures = [figure for shape in SHAPES for figure in _measured(session, shape, url, rounds)]
    report("Side by side", figures, "speedup", {"delay_ms": DELAY_MS})


if __name__ == "__main__":
    main()
