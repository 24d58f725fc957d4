"""The model of scale, played: executions queue for processors, group commits, cores, lanes and replicas, one event
after the other on a clock of its own. It shares the costs with ``scale_model`` and none of its reasoning.
``python -m benchmarks scale`` prints both side by side.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from random import Random

from benchmarks.scale_model import LARGEST_GROUP, Costs, Size, bottleneck, steps_per_second

Then = Callable[[], None]


class World:
    """A clock, and what is to happen."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Then]] = []
        self._numbers = count()

    def after(self, ms: float, then: Then) -> None:
        """Do it later."""
        heapq.heappush(self._due, (self.now + ms, next(self._numbers), then))

    def run(self, until: float) -> None:
        """Let things happen up to a time."""
        while self._due and self._due[0][0] <= until:
            self.now, _, then = heapq.heappop(self._due)
            then()
        self.now = until


class Servers:
    """So many servers with one queue, first come first served."""

    def __init__(self, world: World, number: int) -> None:
        self._world, self._free = world, number
        self._queue: deque[tuple[float, Then]] = deque()

    def serve(self, ms: float, then: Then) -> None:
        """Take ``ms`` of one server, as soon as it is its turn."""
        self._queue.append((ms, then))
        self._next()

    def _next(self) -> None:
        while self._free and self._queue:
            ms, then = self._queue.popleft()
            self._free -= 1
            self._world.after(ms, lambda then=then: self._done(then))  # type: ignore[misc]

    def _done(self, then: Then) -> None:
        self._free += 1
        self._next()
        then()


class Process:
    """An orchestrator with its journal: one interpreter, and one transaction at a time."""

    def __init__(self, world: World, costs: Costs, cores: Servers) -> None:
        self.interpreter = Servers(world, 1)
        self._world, self._costs, self._cores = world, costs, cores
        self._waiting: deque[Then] = deque()
        self._committing = False
        self.groups = 0

    def commit(self, then: Then) -> None:
        """A write; ``then`` once it is durable."""
        self._waiting.append(then)
        self._begin()

    def _begin(self) -> None:
        if self._committing or not self._waiting:
            return
        self._committing = True
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
        costs, size = self._costs, len(group)

        def durable() -> None:
            self._committing = False
            self.groups += 1
            for then in group:
                then()
            self._begin()

        def written() -> None:
            self._world.after(costs.commit_ms, durable)

        def sent() -> None:
            self._cores.serve(size * costs.database_ms, written)

        self.interpreter.serve(size * costs.append_ms, sent)


class Simulation:
    """``in_flight`` executions that go round for ever; ``done`` counts their steps."""

    def __init__(self, costs: Costs, size: Size, seed: int = 1) -> None:
        self.world, self.done = World(), 0
        self._costs, self._size, self._random = costs, size, Random(seed)
        databases = [Servers(self.world, size.database_cores) for _ in range(size.databases)]
        self.processes = [
            Process(self.world, costs, databases[number % size.databases]) for number in range(size.orchestrators)
        ]
        self._lanes = [Servers(self.world, 1) for _ in range(size.lanes)]
        self._slots = [Servers(self.world, size.slots_per_lane) for _ in range(size.lanes)]
        self._replicas = [Servers(self.world, 1) for _ in range(size.replicas)]
        for number in range(size.in_flight):
            self._begin(self.processes[number % size.orchestrators], number % size.steps)

    def steps_per_second(self, warm_ms: float, measured_ms: float) -> float:
        """After it has become steady."""
        self.world.run(warm_ms)
        before = self.done
        self.world.run(warm_ms + measured_ms)
        return (self.done - before) / measured_ms * 1_000

    def _begin(self, process: Process, taken: int) -> None:
        """One step, then the next; every so many, a new execution comes in through a replica."""
        costs = self._costs

        def stepped() -> None:
            process.commit(durable)

        def durable() -> None:
            self.done += 1
            self.world.after(self._about(costs.hop_ms), arrived)

        def arrived() -> None:
            lane = self._random.randrange(self._size.lanes)
            self._lanes[lane].serve(costs.attempt_ms, lambda: self._slots[lane].serve(waits, ended))

        def ended() -> None:
            self.world.after(self._about(costs.hop_ms), back)

        def back() -> None:
            if (taken + 1) % self._size.steps:
                self._begin(process, taken + 1)
            else:
                # Somewhere else: the directory hands a new execution to any orchestrator.
                then = self._random.choice(self.processes)
                self._random.choice(self._replicas).serve(costs.start_ms, lambda: self._begin(then, 0))

        waits = self._about(costs.wait_ms)
        process.interpreter.serve(costs.step_ms, stepped)

    def _about(self, ms: float) -> float:
        """Between half and one and a half of it, so that steps do not march in time."""
        return ms * self._random.uniform(0.5, 1.5)


POSTGRESQL = Costs(
    step_ms=0.14, append_ms=0.25, database_ms=0.24, commit_ms=4.0, attempt_ms=0.36, start_ms=6.0, hop_ms=0.7
)  # fmt: skip
"""Of steps with effects, on PostgreSQL with fsync: measured or taken over as docs/scale.md says."""

WAITING = replace(POSTGRESQL, wait_ms=1_000.0)

SIZES = (
    ("one machine of 2 cores", POSTGRESQL, Size(1, 1, 1, 2, in_flight=50)),
    ("the same, started in batches", POSTGRESQL, Size(1, 1, 100, 2, in_flight=50)),
    ("4 nodes", POSTGRESQL, Size(4, 4, 8, 8, in_flight=400)),
    ("4 nodes, nodes that wait 1 s", WAITING, Size(4, 4, 8, 8, in_flight=4_000)),
    ("16 nodes", POSTGRESQL, Size(16, 16, 32, 8, in_flight=1_600)),
    ("16 nodes, 2 databases", POSTGRESQL, Size(16, 16, 32, 8, in_flight=1_600, databases=2)),
)


def main() -> None:
    """Formula and simulation, side by side."""
    print(f"\n{'The model of scale':<32}{'formula':>12}{'simulated':>12}{'ratio':>8}  full first (steps/s)")
    for name, costs, size in SIZES:
        formula = steps_per_second(costs, size)
        simulated = Simulation(costs, size).steps_per_second(1_000 + 2 * costs.wait_ms, 1_000 + 2 * costs.wait_ms)
        part, capacity = bottleneck(costs, size)
        ratio = formula / simulated
        print(f"{name:<32}{formula:>10,.0f}/s{simulated:>10,.0f}/s{ratio:>8.2f}  {part} ({capacity:,.0f})")


if __name__ == "__main__":
    main()
