"""What a step costs, part by part: what the model of scale is fed with. ``python -m benchmarks.scale_costs``.

In process, on SQLite, or on the PostgreSQL whose URL is given; 200 executions of ten nodes with effects, started by one
call. Processor time per thread, so that what else the machine does hardly shows; waiting for the disk is wall time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.dag_workflows import TimedTask, definition_of, expected_outputs
from benchmarks.ledger import problem_of
from benchmarks.list_schedule import Dag, Task
from benchmarks.local import Local, local_runtime
from benchmarks.measuring import Figure, report
from benchmarks.threads import ThreadTimes, thread_times
from flowray.compiler.documents import compile_document
from flowray.persistence.stores import Committer
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents

STEPS = 10
EXECUTIONS = 200
ROUNDS = 3
THREADS = {"flowray-driver": "step", "flowray-journal": "append", "flowray-lane": "attempt"}


@dataclass
class CountingCommitter:
    """Counts what another commits: groups, appends, the bytes of their events, and milliseconds off the processor."""

    inner: Committer
    groups: int = 0
    appends: int = 0
    event_bytes: int = 0
    waits_ms: list[float] = field(default_factory=list)

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """As the other does."""
        began, worked = time.perf_counter(), time.thread_time()
        results = self.inner.commit(writes)
        self.waits_ms.append((time.perf_counter() - began - time.thread_time() + worked) * 1_000)
        appends = [write for write in writes if isinstance(write, AppendEvents)]
        self.groups += 1
        self.appends += len(appends)
        self.event_bytes += sum(len(write.events) for write in appends)
        return results


def chain(length: int) -> Dag:
    """Nodes that wait for nothing but one another."""
    return [Task(f"n{number}", 0, (f"n{number - 1}",) if number else ()) for number in range(length)]


async def run_batch(local: Local, executions: int) -> tuple[float, str]:
    """``(seconds from the call that starts them to the end of the last, why they do not count)``."""
    definition = definition_of("chain", chain(STEPS), 10)
    plan = compile_document(definition, local.registry.node_types()).plan
    began = time.perf_counter()
    records = await local.run(plan, {"n": 1}, executions)
    took = time.perf_counter() - began
    expected = expected_outputs(chain(STEPS))
    problems = (problem_of(local.runtime.reader, record, definition, expected) for record in records)
    return took, next(filter(None, problems), "" if len(records) == executions else f"{len(records)} rows")


def measured(url: str | None = None, executions: int = EXECUTIONS, rounds: int = ROUNDS) -> list[Figure]:
    """The figures, after one small batch to warm up."""
    samples: dict[str, list[float]] = {}
    problems: list[str] = []

    def note(name: str, value: float) -> None:
        samples.setdefault(name, []).append(value)

    with local_runtime(url, types=[TimedTask()], committer=CountingCommitter) as local:
        counting = local.committer
        assert isinstance(counting, CountingCommitter)
        asyncio.run(run_batch(local, 20))
        for _ in range(rounds):
            before, groups, appends, size = thread_times(), counting.groups, counting.appends, counting.event_bytes
            counting.waits_ms.clear()
            took, problem = asyncio.run(run_batch(local, executions))
            problems.append(problem)
            steps = executions * STEPS
            note("steps per second", steps / took)
            for name, times in thread_times().items():
                spent = times.since(before.get(name, ThreadTimes(0.0, 0.0)))
                if name in THREADS:
                    note(f"{THREADS[name]}, processor per step", spent.worked_ms / steps)
                    note(f"{THREADS[name]}, kept from a processor per step", spent.starved_ms / steps)
            note("appends per step", (counting.appends - appends) / steps)
            note("appends per transaction", (counting.appends - appends) / (counting.groups - groups))
            note("transaction, off the processor", median(counting.waits_ms))
            note("bytes of events per step", (counting.event_bytes - size) / steps)
    units = {"processor per step": "ms", "off the processor": "ms"}
    problem = next(filter(None, problems), "")
    boundary = f"{executions} executions of {STEPS} nodes with effects, in process, one call"
    return [
        Figure(
            name, next((unit for end, unit in units.items() if name.endswith(end)), ""), values, boundary,
            not problem, problem,
        )
        for name, values in samples.items()
    ]  # fmt: skip


def main(urls: Sequence[str] = ()) -> None:
    """On SQLite, then on each PostgreSQL."""
    for number, url in enumerate([None, *urls]):
        title = "What a step costs, " + ("SQLite" if url is None else "PostgreSQL")
        report(title, measured(url), f"scale_costs_{number}", {"steps": STEPS, "executions": EXECUTIONS})


if __name__ == "__main__":
    main(sys.argv[1:])
