"""The three workloads that every system runs, and what makes a run count. Runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Workload:
    """``executions`` of a chain or a fan-out of ``steps`` trivial steps, at most ``in_flight`` at once. Each step adds
    one, so the output of every execution is ``steps``.
    """

    name: str
    workload: str
    executions: int
    steps: int
    in_flight: int

    def request(self) -> dict[str, Any]:
        """What a peer's script is asked to run."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    def smaller(self) -> Workload:
        """What warms a system up for this one."""
        executions = max(1, self.executions // 10)
        return Workload(self.name, self.workload, executions, self.steps, min(self.in_flight, executions))


WORKLOADS = (
    Workload("chain of 100", "chain", 1, 100, 1),
    Workload("fan-out of 100", "fan-out", 1, 100, 1),
    Workload("200 x 10 steps, 50 in flight", "chain", 200, 10, 50),
)


def broken(workload: Workload, answer: Mapping[str, Any]) -> str:
    """Why a run does not count, or "": every output right, every step ran once, every step recorded where the system
    keeps a record.
    """
    total = workload.executions * workload.steps
    outputs = answer["outputs"]
    if len(outputs) != workload.executions:
        return f"{len(outputs)} outputs for {workload.executions} executions"
    wrong = [output for output in outputs if output != workload.steps]
    if wrong:
        return f"{len(wrong)} outputs wrong, as {wrong[0]!r} for {workload.steps}"
    if answer["steps"] != total:
        return f"{answer['steps']} steps ran, not {total}"
    recorded = answer.get("recorded")
    if recorded is not None and recorded != total:
        return f"{recorded} steps are recorded, not {total}"
    return ""
