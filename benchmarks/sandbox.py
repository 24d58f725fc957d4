"""What running authors' code in sandboxes costs, and what more CPUs bring: the pool of one lane, in one process.

Small nodes: an attempt of a code node against an attempt of a node that does nothing, in turns. Side by side: eight
programs that compute for ``SPIN_MS`` each, all at once against one after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.measuring import Figure, Goal, report
from flowray.engine.stimuli import AttemptSucceeded
from flowray.handlers.attempt import run_attempt
from flowray.handlers.node_task import NodeTask
from flowray.handlers.programs import Engine, Language, Program
from flowray.handlers.registry import default_registry
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox
from flowray.runtime.sandbox.worker_pool import usable_cpus
from tests.fakes.services import fake_services

SPIN_MS = 200
PROGRAMS = 8
CALLS = 200

GOALS = {"gain": Goal(1.8, at_least=True), "overhead": Goal(1.0)}
"""Of the issue: on two CPUs, and in ms per small node."""

SPINS: dict[str, tuple[Language, Engine, str, int]] = {
    "JavaScript": (
        "javascript", "quickjs", "let x = 0; for (let i = 0; i < {n}; i++) x = (x * 31 + i) % 65521; return x",
        2_000_000,
    ),
    "Python": ("python", "monty", "x = 0\nfor i in range({n}):\n    x = (x * 31 + i) % 65521\nreturn x", 500_000),
}  # fmt: skip
"""Language, engine, a program that computes, and how far it counts to begin with."""

SMALL = {
    "JavaScript": ("code", {"code": "return inputs.n + 1"}),
    "Python": ("code", {"code": "return inputs['n'] + 1", "language": "python"}),
    "JSONata": ("transform", {"expression": "$sum([n, 1])"}),
}


async def _seconds(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _calibrated(sandbox: ProcessSandbox, name: str) -> Program:
    """A program of ``SPIN_MS`` on this machine, as it is now."""
    language, engine, code, count = SPINS[name]
    for _ in range(4):
        program = Program(language, code.replace("{n}", str(count)), engine=engine)
        took_ms = (await sandbox.program(program)).elapsed_ms
        count = max(1, round(count * SPIN_MS / took_ms))
    return Program(language, code.replace("{n}", str(count)), engine=engine)


async def _side_by_side(sandbox: ProcessSandbox, name: str, rounds: int) -> list[Figure]:
    program = await _calibrated(sandbox, name)

    async def one_by_one() -> None:
        for _ in range(PROGRAMS):
            await sandbox.program(program)

    async def at_once() -> None:
        await asyncio.gather(*[sandbox.program(program) for _ in range(PROGRAMS)])

    await at_once()
    pairs = [(await _seconds(one_by_one), await _seconds(at_once)) for _ in range(rounds)]
    boundary = f"{PROGRAMS} programs of {SPIN_MS} ms of computing"
    gains = [slow / fast for slow, fast in pairs]
    note = f"goal {GOALS['gain']} on two CPUs; here are {usable_cpus()}"
    return [
        Figure(f"{name}, one after the other", "s", [slow for slow, _ in pairs], boundary),
        Figure(f"{name}, at once", "s", [fast for _, fast in pairs], boundary),
        Figure(f"{name}, gain", "x", gains, "pair by pair", note=note),
    ]


async def _overhead(sandbox: ProcessSandbox, name: str, rounds: int) -> list[Figure]:
    registry, services = default_registry(plugins=False), fake_services(sandbox=sandbox)

    async def attempts(node_type: str, config: dict[str, Any]) -> None:
        for _ in range(CALLS):
            task = NodeTask(
                execution_id="e", instance="n", node_id="n", node_type=node_type, config=dict(config), inputs={"n": 1}
            )
            result = await run_attempt(task, registry, services, lambda _: None)
            assert isinstance(result, AttemptSucceeded), result

    async def nothing() -> None:
        await attempts("noop", {})

    async def small() -> None:
        await attempts(*SMALL[name])

    await small()
    pairs = [(await _seconds(nothing), await _seconds(small)) for _ in range(rounds)]
    over = [(slow - fast) / CALLS * 1_000 for fast, slow in pairs]
    note = f"goal {GOALS['overhead']} ms"
    return [Figure(f"{name}, small node", "ms", over, f"{CALLS} attempts, beyond those of a noop", note=note)]


async def _measured(rounds: int) -> list[Figure]:
    sandbox = ProcessSandbox()
    try:
        figures = [figure for name in SMALL for figure in await _overhead(sandbox, name, rounds)]
        return figures + [figure for name in SPINS for figure in await _side_by_side(sandbox, name, rounds)]
    finally:
        await sandbox.aclose()


def main(rounds: int = 5) -> None:
    """Small nodes first, then the programs that compute."""
    report("Sandboxes", asyncio.run(_measured(rounds)), "sandbox", {"cpus": usable_cpus(), "spin_ms": SPIN_MS})


if __name__ == "__main__":
    main()
