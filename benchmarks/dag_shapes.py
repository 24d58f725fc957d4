"""Real shapes of graphs: how much longer flowray takes than the same list schedule without any overhead.

``python -m benchmarks shapes``: in process, SQLite with its default durability; every task is a node that waits, and
starts only after the results that it reads are committed. ``python -m benchmarks.dag_shapes FILE…`` runs WfFormat files
instead, for example of the recipes of the package ``wfcommons``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.dag_recipes import RECIPES, scaled
from benchmarks.dag_workflows import TimedTask, definition_of, disorder, expected_outputs, framed
from benchmarks.ledger import events_of, problem_of, seconds_of
from benchmarks.list_schedule import Dag, critical_path_ms, list_schedule, lower_bound_ms, work_ms
from benchmarks.local import Local, local_runtime
from benchmarks.measuring import Figure, Goal, report
from benchmarks.threads import ThreadTimes, thread_times
from benchmarks.wf_format import read_instance
from flowray.compiler.documents import compile_document

SIZES = ((50, 10, 10_000), (300, 32, 10_000), (1_000, 64, 20_000), (2_000, 100, 25_000))
"""At most so many tasks, on so many slots; how many milliseconds the list schedule is made to take."""

WORKING = ("flowray-driver", "flowray-journal", "flowray-lane")
"""The threads that a run has to wait for."""

GOAL = Goal(1.03)
ROUNDS = 3
BOUNDARY = "just before the commit of the start to the terminal event, in process, SQLite FULL"


@dataclass(frozen=True)
class Case:
    """One graph, already scaled, on so many slots."""

    name: str
    dag: Dag
    slots: int

    @property
    def ideal_ms(self) -> int:
        """The same list schedule without overhead."""
        return list_schedule(framed(self.dag), self.slots).makespan_ms


def cases() -> Iterator[Case]:
    """Every recipe in every size."""
    for name, recipe in RECIPES.items():
        for size, slots, ideal_ms in SIZES:
            dag = scaled(recipe(size), slots, ideal_ms)
            yield Case(f"{name}, {len(dag):,} tasks, {slots} slots", dag, slots)


def cases_of(files: Iterable[Path], slots: int = 32, ideal_ms: int = 20_000) -> Iterator[Case]:
    """Every WfFormat file."""
    for file in files:
        dag = scaled(read_instance(json.loads(file.read_text())), slots, ideal_ms)
        yield Case(f"{file.stem}, {len(dag):,} tasks, {slots} slots", dag, slots)


async def run_once(local: Local, case: Case) -> tuple[float, str]:
    """``(seconds, why it does not count)``."""
    definition = definition_of(case.name, case.dag, case.slots)
    plan = compile_document(definition, local.registry.node_types()).plan
    (record,) = await local.run(plan, {"n": 1})
    reader = local.runtime.reader
    problem = problem_of(reader, record, definition, expected_outputs(case.dag))
    return seconds_of([record]), problem or disorder(events_of(reader, record.id), case.dag, case.slots)


def figures_of(case: Case, samples: Sequence[float], problem: str, spent: ThreadTimes) -> list[Figure]:
    """What was measured, and how many times the ideal that is. ``spent`` by all runs together."""
    ideal = case.ideal_ms / 1_000
    bound = lower_bound_ms(case.dag, case.slots) / 1_000
    details = {
        "tasks": len(case.dag), "slots": case.slots, "list_schedule_s": ideal, "bound_s": bound,
        "critical_path_s": critical_path_ms(case.dag) / 1_000, "work_s": work_ms(case.dag) / 1_000,
    }  # fmt: skip
    note = problem or f"list schedule {ideal:.2f} s, max(critical path, work/slots) {bound:.2f} s"
    ratios = [sample / ideal for sample in samples]
    worked, starved = spent.worked_ms / len(samples) / 1_000, spent.starved_ms / len(samples) / 1_000
    details |= {"worked_s": worked, "starved_s": starved}
    kept = f"worked {worked:.2f} s, kept from a processor {starved:.2f} s"
    return [
        Figure(case.name, "s", samples, BOUNDARY, not problem, note, details),
        Figure("  times the list schedule", "x", ratios, BOUNDARY, not problem, problem or kept, details, goal=GOAL),
    ]


def _spent(before: Mapping[str, ThreadTimes]) -> ThreadTimes:
    """By the threads that matter, together."""
    now = thread_times()
    added = [now[name].since(before[name]) for name in WORKING]
    return ThreadTimes(sum(times.worked_ms for times in added), sum(times.starved_ms for times in added))


def measured(chosen: Iterable[Case], rounds: int) -> tuple[list[Figure], dict[str, Any]]:
    """All figures, after one short run to warm up, and what they were measured on."""
    figures: list[Figure] = []
    with local_runtime(types=[TimedTask()]) as local:
        warm = Case("warm", scaled(RECIPES["montage"](50), 10, 500), 10)
        asyncio.run(run_once(local, warm))
        for case in chosen:
            before = thread_times()
            runs = [asyncio.run(run_once(local, case)) for _ in range(rounds)]
            problem = next((problem for _, problem in runs if problem), "")
            found = figures_of(case, [seconds for seconds, _ in runs], problem, _spent(before))
            print("\n".join(figure.line() for figure in found), flush=True)
            figures += found
        return figures, local.facts()


def main(files: Sequence[str] = (), rounds: int = ROUNDS) -> None:
    """Every recipe in every size; or the files named."""
    chosen = list(cases_of(map(Path, files)) if files else cases())
    figures, facts = measured(chosen, rounds)
    report("Real shapes", figures, "dag_shapes", {"rounds": rounds, **facts})


if __name__ == "__main__":
    main(sys.argv[1:])
