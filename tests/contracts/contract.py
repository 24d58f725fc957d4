"""What a node type promises, said as cases against something real; and the proof that the cases notice a handler that
does nothing: every output it has once given is tried as its only one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from flowray.engine.stimuli import AttemptFailed, AttemptSucceeded
from flowray.handlers.attempt import run_attempt
from flowray.handlers.handler import system_now_ms
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.handlers.services import Services

Result = AttemptSucceeded | AttemptFailed
Check = Callable[[Any], None]

MOST_STEPS = 50


@dataclass(frozen=True)
class Case:
    """One run. ``check`` gets the output, or with ``fails`` the NodeError, and raises AssertionError.

    ``task`` sets further fields of the NodeTask, such as ``inputs``, ``outputs`` and ``variables``.
    """

    name: str
    config: Mapping[str, Any]
    check: Check
    fails: bool = False
    task: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """What the cases run against, up and reachable. Cases run in order and may build on each other."""

    services: Services
    cases: Sequence[Case]


@dataclass(frozen=True)
class Contract:
    """``against``: the real thing, as docs/conformance.md names it. ``world`` starts it, and ends it afterwards.

    ``missing`` says why it cannot be had on this machine, or is None.
    """

    node_type: str
    against: str
    world: Callable[[], AbstractAsyncContextManager[World]]
    missing: Callable[[], str | None] = lambda: None


async def play(contract: Contract, case: Case, services: Services, registry: NodeRegistry) -> Result:
    """One case, as a lane would run it: one attempt, or, of a node that works in steps, one for each of them."""
    task = NodeTask(
        execution_id="contract", instance="n", node_id="n", node_type=contract.node_type, config=dict(case.config),
        **case.task,
    )  # fmt: skip
    while True:
        result = await run_attempt(task, registry, services, lambda _: None, now_ms=system_now_ms)
        step = result.signals.step if isinstance(result, AttemptSucceeded) else None
        if step is None or task.step >= MOST_STEPS:
            return result
        task = msgspec.structs.replace(task, attempt=task.attempt + 1, step=task.step + 1, journal=step.state)


def judge(case: Case, result: Result) -> None:
    """Raises AssertionError unless the case is content."""
    if case.fails:
        assert isinstance(result, AttemptFailed), f"{case.name}: it should have failed, and gave {result.output!r}"
        case.check(result.error)
    else:
        assert isinstance(result, AttemptSucceeded), f"{case.name}: {result}"
        case.check(result.output)


async def verify(contract: Contract) -> list[Result]:
    """Play every case with the real handler. Raises AssertionError of the first that is not content."""
    registry = default_registry(plugins=False)
    results: list[Result] = []
    async with contract.world() as world:
        try:
            for case in world.cases:
                results.append(await play(contract, case, world.services, registry))
                judge(case, results[-1])
        finally:
            await world.services.close()
    return results


async def unnoticed(contract: Contract, results: Sequence[Result]) -> list[str]:
    """The cases whose result could be the only answer of a handler, and no case would notice. Judged in a world of its
    own, in which nothing has been done: so it would be with a handler that does nothing but answer.
    """
    async with contract.world() as world:
        try:
            return [
                case.name
                for case, result in zip(world.cases, results, strict=True)
                if not any(_notices(other, result) for other in world.cases)
            ]
        finally:
            await world.services.close()


def _notices(case: Case, result: Result) -> bool:
    try:
        judge(case, result)
    except Exception:
        # A check that trips over an answer of another shape has noticed it as well as one that compares.
        return True
    return False
