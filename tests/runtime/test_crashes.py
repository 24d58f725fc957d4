"""After every single commit all memory is lost and another process takes over: nothing is lost, nothing runs twice.

The same plan, killed right before or right after each commit that it makes (R22 to R24, R29, R31, L1, L2).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from flowray.engine.events import NodeCompleted, NodeStarted, decode_events
from flowray.engine.signals import VariableOperation
from flowray.handlers.node_task import NodeTask
from flowray.persistence.journal import DirectJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.plan import ExecutionPlan, PlanRetry
from tests.engine.plans import PlanMaker
from tests.runtime.harness import (
    Clock,
    House,
    Killed,
    MortalCommitter,
    expire_leases,
    failed,
    sleeping,
    succeeded,
)


def workflow() -> ExecutionPlan:
    """Effects in a row, in a loop and side by side; a retry, a wait, a variable, an error that is routed."""
    maker = PlanMaker().node("first", waits_for_commit=True)
    maker.loop("each").node("work", scope="each", waits_for_commit=True).node("note", scope="each", reads=["work"])
    maker.edge("work -> note")
    maker.node("flaky", waits_for_commit=True, retry=PlanRetry(max_attempts=3, initial_delay_ms=50, codes=("E",)))
    maker.node("doomed", waits_for_commit=True).node("handler", waits_for_commit=True)
    maker.node("pause").node("sum", reads=["each", "flaky"]).output("out", reads=["sum", "pause"])
    maker.edge("first -> each", "first -> flaky", "first -> doomed", "doomed error-> handler", "first -> pause")
    maker.edge("each -> sum", "flaky -> sum", "sum -> out", "pause -> out", "handler -> out")
    return maker.build()


def script(pause_until: int) -> dict[str, Any]:
    def work(task: NodeTask) -> Any:
        assert task.loop is not None
        return succeeded(task, task.loop["item"] * 10)

    def note(task: NodeTask) -> Any:
        return succeeded(
            task, task.outputs["work"] + 1, variables=(VariableOperation("append", "seen", task.outputs["work"]),)
        )

    return {
        "first": "go",
        "each": lambda task: succeeded(task, {"items": [1, 2, 3]}),
        "work": work,
        "note": note,
        "flaky": lambda task: failed(task, "E") if task.tries < 3 else succeeded(task, "third time"),
        "doomed": lambda task: failed(task, "NEVER"),
        "handler": lambda task: succeeded(task, "handled"),
        "pause": lambda task: sleeping(task, pause_until, "rested"),
        "sum": lambda task: succeeded(task, {"each": task.outputs["each"], "flaky": task.outputs["flaky"]}),
        "out": lambda task: succeeded(
            task, {"sum": task.outputs["sum"], "pause": task.outputs["pause"], "seen": task.variables["seen"]}
        ),
    }


EXPECTED = {"sum": {"each": [11, 21, 31], "flaky": "third time"}, "pause": "rested", "seen": [10, 20, 30]}


class Simulation:
    """Runs the workflow through as many owners as it takes. ``effects`` counts by idempotency key over all of them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.effects: Counter[str] = Counter()
        self.owners = 0
        self.until = self.clock.now + 100
        self.committed_at_kill: set[str] = set()

    def run(self, at: int | None, *, before: bool = False, again: bool = False) -> int:
        """Kill at the ``at``-th commit, of every owner if ``again``. Returns the commits of the last owner."""
        plan = workflow()
        committer = MortalCommitter(self.store, at, before=before)
        while True:
            self.owners += 1
            assert self.owners < 200
            house = House(
                self.store, self.clock, f"o{self.owners}", script(self.until), journal=DirectJournal(committer)
            )
            try:
                if self.owners == 1:
                    house.start(plan)
                else:
                    house.sweep()
                for _ in range(20):
                    house.tick(100)
                return committer.appends
            except Killed:
                self.committed_at_kill |= self.completed()
                expire_leases(self.clock)
                committer = MortalCommitter(self.store, at if again else None, before=before)
            finally:
                self.effects.update(house.executor.effects)

    def events(self) -> list[Any]:
        return [event for commit in self.store.events.read_raw("e1") for event in decode_events(commit)]

    def completed(self) -> set[str]:
        """Idempotency keys whose results are durable."""
        started = [event for event in self.events() if isinstance(event, NodeStarted)]
        tries = {(event.instance, event.attempt): event.tries for event in started}
        return {
            f"e1:{event.instance}:{tries[event.instance, event.attempt]}"
            for event in self.events()
            if isinstance(event, NodeCompleted) and (event.instance, event.attempt) in tries
        }

    def check(self) -> None:
        """Same outputs; committed results never run again; effects are at most the started attempts."""
        row = self.store.execution_by_id("e1")
        assert row is not None
        assert (row.status, row.outputs, row.owner_id) == ("completed", EXPECTED, None)
        log = self.store.events.read("e1")
        assert [event.seq for event in log] == list(range(1, row.last_seq + 1))
        started: Counter[str] = Counter(
            f"e1:{event.instance}:{event.tries}" for event in self.events() if isinstance(event, NodeStarted)
        )
        effects = {"first", "work", "flaky", "doomed", "handler"}
        for key, count in started.items():
            node = key.split(":")[1].rpartition("/")[2]
            if node in effects:
                assert self.effects[key] <= count, key
        finished = {event.instance for event in self.events() if isinstance(event, NodeCompleted)}
        completions = [event.instance for event in self.events() if isinstance(event, NodeCompleted)]
        assert len(completions) == len(finished)
        for key in self.completed():
            assert self.effects[key] >= 1 or key.endswith("each:1"), key


def commits_of_a_quiet_run() -> int:
    quiet = Simulation()
    commits = quiet.run(None)
    quiet.check()
    assert set(quiet.effects.values()) <= {0, 1}
    return commits


COMMITS = commits_of_a_quiet_run()


def test_the_workflow_makes_enough_commits_to_be_worth_killing() -> None:
    assert COMMITS >= 12


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, COMMITS + 1))
def test_l1_l2_killed_at_one_commit(at: int, before: bool) -> None:
    simulation = Simulation()
    simulation.run(at, before=before)
    simulation.check()
    assert simulation.owners == 2
    for key in simulation.committed_at_kill:
        assert simulation.effects[key] <= 1, f"{key} ran again although its result was committed"


@pytest.mark.parametrize("at", [2, 3, 4, 5])
def test_killed_again_and_again_every_owner_gets_a_little_further(at: int) -> None:
    simulation = Simulation()
    simulation.run(at, again=True)
    simulation.check()
    assert simulation.owners > 2
    for key in simulation.committed_at_kill:
        assert simulation.effects[key] >= 1 or key.endswith("each:1")
