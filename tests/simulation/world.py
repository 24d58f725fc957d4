"""The simulated world: one clock, one queue of what is to happen, one source of chance. Start here.

Everything that could differ from run to run (time, order, failures, results) comes from the seed, so a seed replays.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.handlers.node_task import NodeTask
from flowray.persistence.records import ExecutionRecord
from flowray.plan import ExecutableNode
from tests.simulation.callees import Callees
from tests.simulation.coverage import reached
from tests.simulation.lanes import Lanes
from tests.simulation.laws import Laws, UnexpectedErrors
from tests.simulation.ledger import Ledger
from tests.simulation.outside import Outside
from tests.simulation.process import Process
from tests.simulation.queueing import Queueing
from tests.simulation.runs import START_MS, Run
from tests.simulation.workflows import Behaviour, Workflow, random_workflow

NO_PID = 10_000_000
"""Above what any system hands out: whoever looks for such a process finds it dead."""

CHAOS_MS = 25_000
PATIENCE_MS = 3 * 3_600_000
STUCK_MS = 30_000
"""Longer than a lease and a sweep: what has not been picked up by then never will be."""


HEARTBEAT_MS = 6_000
"""Longer than an owner takes to renew its lease: by then whoever was superseded while stopped knows it."""


@dataclass
class Report:
    """What a seed came to. ``digest`` covers every log, byte by byte; ``reached``: see ``coverage``."""

    seed: int
    steps: int
    virtual_ms: int
    digest: str
    statuses: dict[str, int]
    compared: int
    reached: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)


class World:
    """One simulation. ``strikes`` is the only source of faults; once ``chaos`` is 0 there are none."""

    def __init__(self, seed: int, tell: bool = False, computes: bool | None = None) -> None:
        self.seed = seed
        self.rng = Random(seed)
        # By a draw of its own: worlds in which all attempts go to lanes stay what they were.
        self.computes = Random(f"{seed} computes").random() < 0.7 if computes is None else computes
        self.now = START_MS
        self.chaos = self.rng.choice((0.0, 0.5, 1.0, 1.0, 3.0))
        self.slowness = self.rng.choice((3, 3, 50))
        self.nesting = 0
        self.steps = 0
        self.violations: list[str] = []
        self.story: list[str] | None = [] if tell else None
        self._queue: list[tuple[int, int, bool, Process | None, Callable[[], object]]] = []
        self._counter = 0
        self._pending = 0
        self.ledger = Ledger(lambda: self.now, self.violation)
        self.laws = Laws(self)
        self.lanes = Lanes(self)
        self.outside = Outside(self)
        self.queueing = Queueing(self)
        self.ledger.written = lambda: self.queueing.check(self.ledger)
        names = [f"e{number}" for number in range(self.rng.choice((1, 1, 1, 2, 3)))]
        # Nor have they nodes that work in steps.
        stepping = None if computes is False else Random(f"{seed} steps")
        self.runs = [Run(name, random_workflow(self.rng, name, stepping=stepping)) for name in names]
        self._by_id = {run.id: run for run in self.runs}
        self.callees = Callees(run.workflow for run in self.runs)
        self._lives = 0
        self.slots: list[Process] = [self._spawn(slot) for slot in range(self.rng.choice((1, 2, 2, 2, 3)))]

    # -- chance and time ----------------------------------------------------------------------------------------------

    def strikes(self, chance: float) -> bool:
        """Whether a fault of this likelihood happens now."""
        return self.chaos > 0 and self.rng.random() < chance * self.chaos

    def delay(self, least: int, most: int) -> int:
        """Some milliseconds."""
        return least + int(self.rng.random() * (most - least + 1))

    def later(self, delay_ms: int, process: Process | None, work: Callable[[], object], periodic: bool = False) -> None:
        """Do ``work`` after a delay; in a process: unless it is dead by then, and not while it is stopped."""
        self._counter += 1
        self._pending += not periodic
        heapq.heappush(self._queue, (self.now + delay_ms, self._counter, periodic, process, work))

    def run_nested(self, until: int) -> None:
        """Let the world go on while somebody waits."""
        self.nesting += 1
        try:
            while self._queue and self._queue[0][0] <= until:
                self._step()
            self.now = max(self.now, until)
        finally:
            self.nesting -= 1

    def _step(self) -> None:
        at, _, periodic, process, work = heapq.heappop(self._queue)
        self._pending -= not periodic
        self.now = max(self.now, at)
        if process is None:
            self.steps += 1
            work()
        elif process.dead:
            return
        elif process.paused_until > self.now:
            self.later(process.paused_until - self.now, process, work, periodic)
        else:
            self.steps += 1
            process.act(work)

    # -- processes ----------------------------------------------------------------------------------------------------

    def _spawn(self, slot: int, predecessor: Process | None = None) -> Process:
        self._lives += 1
        process = Process(self, slot, f"owner-{self._lives}", NO_PID + self._lives, predecessor)
        self.later(0, process, process.start)
        return process

    def restart(self, process: Process) -> None:
        """The actor of a dead process comes up again, under a new owner id."""

        lives_on = process.has_lost_lease and self.rng.random() < 0.5

        def again() -> None:
            self.slots[process.slot] = self._spawn(process.slot, process if lives_on else None)
            process.heir = self.slots[process.slot] if lives_on else None

        self.later(0 if lives_on else self.delay(0, self.rng.choice((100, 3_000, 20_000))), None, again)

    def living(self) -> list[Process]:
        """Processes that are not dead."""
        return [process for process in self.slots if not process.dead]

    # -- look-ups -----------------------------------------------------------------------------------------------------

    def add(self, run: Run) -> None:
        """One more execution."""
        self.runs.append(run)
        self._by_id[run.id] = run

    def run(self, execution_id: str) -> Run:
        """An execution: one of ``runs``, or a child of one, known from its row."""
        found = self._by_id.get(execution_id)
        if found is None:
            row = self.row(execution_id)
            callee = self.run(str(row.parent_id)).workflow.callees[str(row.workflow_id)]
            found = Run(execution_id, callee, started=True, parent=row.parent_id, given=row.inputs["given"])
            self._by_id[execution_id] = found
        return found

    def all_runs(self) -> list[Run]:
        """Every execution that there is, children after their parents."""
        rows = self.ledger.executions()
        return [self.run(row.id) for row in sorted(rows, key=lambda row: row.depth)]

    def workflow(self, task: NodeTask) -> Workflow:
        """What a task's execution runs."""
        return self.run(task.execution_id).workflow

    def node(self, task: NodeTask) -> ExecutableNode:
        """The node of a task."""
        return self.workflow(task).plan.nodes[task.node_id]

    def behaviour(self, task: NodeTask) -> Behaviour:
        """What a task's node does."""
        return self.workflow(task).behaviours[task.node_id]

    def row(self, execution_id: str) -> ExecutionRecord:
        """The row of an execution."""
        found = self.ledger.store.execution_by_id(execution_id)
        assert found is not None
        return found

    def violation(self, text: str) -> None:
        """A law was broken."""
        self.violations.append(f"at {self.now - START_MS} ms: {text}")
        self.tell(f"VIOLATION {text}")

    def tell(self, text: str) -> None:
        """For whoever replays a seed to see what happened."""
        if self.story is not None:
            self.story.append(f"{self.now - START_MS:>8} {text}")

    # -- the whole course ---------------------------------------------------------------------------------------------

    def play(self) -> Report:
        """Chaos first, then quiet, until everything has ended; then the books are checked."""
        with UnexpectedErrors(self):
            try:
                self.outside.plan()
                self.queueing.plan()
                self._go_on(START_MS + CHAOS_MS)
                self._calm()
                self._rest()
                if any(process.driver.owned() for process in self.living()):
                    self.run_nested(self.now + HEARTBEAT_MS)
                self.laws.at_rest()
            except Exception as error:
                self.violation(f"the world came apart: {error!r}")
        return self._report()

    def _go_on(self, until: int) -> None:
        while self._queue and self._queue[0][0] <= until and not (self._pending == 0 and self._all_ended()):
            self._step()

    def _calm(self) -> None:
        """No more faults: who was stopped goes on now."""
        self.chaos, self.slowness = 0.0, 3
        self.queueing.calm()
        stopped = {id(process) for process in self.slots if process.paused_until > self.now}
        self._queue = [(self.now if id(entry[3]) in stopped else entry[0], *entry[1:]) for entry in self._queue]
        heapq.heapify(self._queue)
        for process in self.slots:
            process.paused_until = 0

    def _rest(self) -> None:
        """Quiet now: whatever has not ended must move by itself, or wait for a person."""
        quiet_since = self.now
        while self._queue and self.now < START_MS + PATIENCE_MS:
            if self._pending == 0:
                if self._all_ended():
                    return
                if self.now - quiet_since > STUCK_MS:
                    if not self._answer_people():
                        return
                    quiet_since = self.now
            else:
                quiet_since = self.now
            self._step()

    def _answer_people(self) -> bool:
        """Let people act on what only they can move. False if something else stands still."""
        paused = [run.id for run in self.all_runs() if self.row(run.id).status == "paused"]
        return sum(self.outside.act(execution_id) for execution_id in paused) > 0

    def _all_ended(self) -> bool:
        if not all(run.started for run in self.runs):
            return False
        return all(row.status in TERMINAL_EXECUTION for row in self.ledger.executions())

    def _report(self) -> Report:
        log = hashlib.blake2b()
        statuses: dict[str, int] = {}
        for row in self.ledger.executions():
            for batch in self.ledger.batches(row.id):
                log.update(batch.events)
            statuses[row.status] = statuses.get(row.status, 0) + 1
        return Report(
            self.seed, self.steps, self.now - START_MS, log.hexdigest(), statuses, self.laws.compared,
            reached(self), self.violations, self.story or [],
        )  # fmt: skip


def simulate(seed: int, tell: bool = False, computes: bool | None = None) -> Report:
    """Play one seed from beginning to end. ``computes``: whether owners carry out by themselves what they can."""
    return World(seed, tell, computes).play()
