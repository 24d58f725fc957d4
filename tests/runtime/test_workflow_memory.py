"""What executions write into the memory of their workflow, whatever dies in between (R17)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine import events as ev
from flowray.engine.shared_memory import SharedEntry
from flowray.engine.signals import Signals, Step, VariableOperation
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.handlers.services import MemoryPlace, MemoryView
from flowray.persistence.journal import DirectJournal, JournalOptions, ThreadJournal
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import AppendEvents, MemoryChanges
from flowray.plan import ExecutionPlan, PlanRetry
from flowray.runtime.workflow_memory import StoredWorkflowMemory, memory_changes
from tests.engine.plans import PlanMaker
from tests.persistence.samples import append, owned
from tests.runtime.harness import Clock, House, Killed, MortalCommitter, expire_leases, failed, insert, succeeded


def workflow() -> ExecutionPlan:
    """A node that fails once, a loop, two branches, a node of two steps: each instance, and each step, appends once."""
    retry = PlanRetry(max_attempts=2, initial_delay_ms=50, codes=("E",))
    maker = PlanMaker().node("flaky", waits_for_commit=True, retry=retry)
    maker.loop("each").node("work", scope="each", waits_for_commit=True)
    maker.parallel("fan").node("branch", scope="fan", waits_for_commit=True)
    maker.edge("flaky -> each", "flaky -> fan").node("last", waits_for_commit=True)
    return maker.edge("each -> last", "fan -> last").build()


def appended(task: NodeTask, word: str, signals: Signals = Signals()) -> Any:  # noqa: B008
    change = VariableOperation("append", "log", [word], workflow=True)
    return succeeded(task, word, variables=(change,), signals=signals)


ONE = Step("one", state=1)

SCRIPT: dict[str, Any] = {
    "flaky": lambda task: appended(task, "flaky") if task.tries == 2 else failed(task, "E"),
    "each": lambda task: succeeded(task, {"items": [1, 2]}),
    "fan": lambda task: succeeded(task, {"items": [1, 2]}),
    "work": lambda task: appended(task, f"work {task.loop['item']}"),
    "branch": lambda task: appended(task, f"branch {task.parallel['item']}"),
    "last": lambda task: appended(task, "last") if task.step else appended(task, "step", Signals(step=ONE)),
}
WORDS = ["branch 1", "branch 2", "flaky", "last", "step", "work 1", "work 2"]


def log_of(store: MemoryStore) -> list[str]:
    entry = store.memory.entry("wf", "log")
    return [] if entry is None else [word for (word,) in entry.value]


def run(at: int | None, *, before: bool) -> tuple[MemoryStore, int]:
    """Through as many owners as it takes; the first dies at its ``at``-th commit."""
    clock = Clock()
    store = MemoryStore(clock)
    insert(store, workflow(), owner_id=None, workflow_id="wf")
    committer = MortalCommitter(store, at, before=before)
    for owner in range(10):
        house = House(store, clock, f"o{owner}", SCRIPT, journal=DirectJournal(committer))
        try:
            house.sweep()
            for _ in range(5):
                house.tick(100)
            break
        except Killed:
            expire_leases(clock)
            committer = MortalCommitter(store)
    row = store.execution_by_id("e1")
    assert row is not None
    assert row.status == "completed"
    return store, committer.appends


COMMITS = run(None, before=False)[1]


def test_there_are_commits_to_die_at() -> None:
    assert COMMITS >= 6


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, COMMITS + 1))
def test_r17_killed_at_any_commit_everything_is_appended_once(at: int, before: bool) -> None:
    store, _ = run(at, before=before)
    assert sorted(log_of(store)) == WORDS


class Forgetful:
    """Writes everything, and loses every second acknowledgement of an append."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.lost = 0
        self.appends = 0

    def commit(self, writes: Any) -> Any:
        results = self.store.commit(writes)
        if any(isinstance(write, AppendEvents) for write in writes):
            self.appends += 1
            if self.appends % 2:
                self.lost += 1
                raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "the answer was lost")
        return results


def test_r17_a_lost_acknowledgement_appends_once() -> None:
    store = MemoryStore()
    forgetful = Forgetful(store)
    journal = ThreadJournal(forgetful, JournalOptions(first_retry_s=0.001))
    store.commit([owned()])
    for seq in range(3):
        change = MemoryChanges("wf", (VariableOperation("append", "log", [seq], workflow=True),))
        journal.commit([append(expected_seq=seq, count=1, memory=change)])
    journal.close()
    assert forgetful.lost == 3
    assert log_of(store) == [0, 1, 2]


def test_only_what_is_for_the_workflow_goes_there() -> None:
    completed = ev.NodeCompleted(
        ts=1, instance="a", node_id="a", attempt=1,
        variables=(
            VariableOperation("set", "own", 1), VariableOperation("set", "entry", 1, shared=True),
            VariableOperation("set", "all", 1, workflow=True),
        ),
    )  # fmt: skip
    stored = ExecutionRecord(id="e", status="running", plan_hash="p", workflow_id="wf")
    assert memory_changes(stored, [completed]) == MemoryChanges(
        "wf", (VariableOperation("set", "all", 1, workflow=True),)
    )
    assert memory_changes(ExecutionRecord(id="e", status="running", plan_hash="p"), [completed]) is None
    assert memory_changes(stored, []) is None


async def test_a_lane_reads_an_entry_or_all_of_any_number() -> None:
    store = MemoryStore()
    operations = tuple(VariableOperation("set", f"k{number:04}", number, workflow=True) for number in range(1_200))
    store.commit([owned(), append(count=1, memory=MemoryChanges("wf", operations))])
    memory = StoredWorkflowMemory(store.memory)
    total = store.memory.size("wf").bytes
    assert await memory.read(MemoryPlace("wf"), "k0007") == MemoryView({"k0007": SharedEntry(7, 1)}, 1_200, total)
    assert await memory.read(MemoryPlace("wf"), "none") == MemoryView({}, 1_200, total)
    assert await memory.read(MemoryPlace("wf", "other")) == MemoryView({}, 0, 0)
    everything = await memory.read(MemoryPlace("wf"))
    assert [entry.value for entry in everything.entries.values()] == list(range(1_200))


async def test_a_lane_waits_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    store.commit(
        [owned(), append(count=1, memory=MemoryChanges("wf", (VariableOperation("set", "k", 7, workflow=True),)))]
    )
    size, failures = store.memory.size, [FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)]

    def away_once(*place: str) -> Any:
        if failures:
            raise failures.pop()
        return size(*place)

    monkeypatch.setattr(store.memory, "size", away_once)
    view = await StoredWorkflowMemory(store.memory).read(MemoryPlace("wf"), "k")
    assert (failures, view.entries) == ([], {"k": SharedEntry(7, 1)})
