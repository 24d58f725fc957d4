"""Runs the systems in turns, so that the machine's noise hits all alike. One system is alive at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.peers.environments import UnavailableError
from benchmarks.peers.scripted import TooSlowError
from benchmarks.peers.workloads import WORKLOADS, Workload, broken


class Running(Protocol):
    """A started system."""

    facts: dict[str, Any]

    def run(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """Run one workload; raises TooSlowError or UnavailableError."""


Start = Callable[[], AbstractContextManager[Running]]


@dataclass
class Row:
    """What is known of one system so far. ``problems`` says per workload why there is no figure; ``unavailable`` why
    there is none at all.
    """

    name: str
    label: str
    boundary: str
    durable: str
    start: Start
    samples: dict[str, list[float]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    unavailable: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How often and for how long: every round gives each system one turn of ``runs`` runs of every workload. A run that
    takes over ``limit_s`` is given up, and that workload of that system with it.
    """

    rounds: int
    runs: int
    limit_s: float


def run_all(rows: Sequence[Row], plan: Plan, say: Callable[[str], None]) -> None:
    """All rounds, every other one backwards."""
    for number in range(plan.rounds):
        for row in rows if number % 2 == 0 else reversed(rows):
            if not row.unavailable:
                say(f"round {number + 1} of {plan.rounds}: {row.label}")
                turn(row, plan)


def turn(row: Row, plan: Plan) -> None:
    """One turn of one system: start it, warm it up, measure, end it. What fails is noted in its row."""
    due = [workload for workload in WORKLOADS if workload.name not in row.problems]
    if not due:
        return
    try:
        with row.start() as system:
            row.facts = system.facts
            for workload in due:
                if not _measure(row, system, workload, plan):
                    break
    except UnavailableError as error:
        if row.samples:
            row.problems.update({workload.name: str(error) for workload in due if workload.name not in row.samples})
        row.unavailable = "" if row.samples else str(error)


def _measure(row: Row, system: Running, workload: Workload, plan: Plan) -> bool:
    """Whether the system may be asked for more."""
    try:
        system.run(workload.smaller().request(), plan.limit_s)
        for _ in range(plan.runs):
            answer = system.run(workload.request(), plan.limit_s)
            problem = broken(workload, answer)
            if problem:
                row.problems[workload.name] = f"INVALID: {problem}"
                return True
            row.samples.setdefault(workload.name, []).append(float(answer["seconds"]))
    except TooSlowError as error:
        row.problems[workload.name] = str(error)
        return False
    return True
