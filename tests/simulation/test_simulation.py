"""The runtime in a world of faults: fresh seeds each run, and proof that the simulator sees what it is there to see."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from flowray.persistence.memory import MemoryStore
from flowray.persistence.writes import AppendEvents, Done
from flowray.runtime.driver import Driver
from flowray.runtime.live import LiveExecution
from flowray.runtime.orchestrator import Orchestrator
from tests.simulation.outside import FAULTS
from tests.simulation.world import Report, World, simulate

FRESH_SEEDS = 2_000
BOX_S = 50.0
SABOTAGE_SEEDS = 2_000
"""How many may pass before one notices: the rarest sabotage shows in about one seed of a hundred."""


def test_fresh_seeds_break_no_law(capsys: pytest.CaptureFixture[str]) -> None:
    """L1, L2, L3, L7, L8: 2,000 seeds that nobody has seen, or as many as the time box holds on a busy machine."""
    start = secrets.randbelow(10**12)
    began, played, steps, compared = time.perf_counter(), 0, 0, 0
    broken: list[Report] = []
    for seed in range(start, start + FRESH_SEEDS):
        report = simulate(seed)
        played, steps, compared = played + 1, steps + report.steps, compared + report.compared
        if report.violations:
            broken.append(report)
        if time.perf_counter() - began > BOX_S:
            break
    took = time.perf_counter() - began
    with capsys.disabled():
        print(f"\nsimulation: {played} seeds from {start}, {steps / took:.0f} steps/s, {len(broken)} with violations")
    replay = "python -m tests.simulation --seeds 1 --tell --start"
    assert not broken, "\n".join(f"{replay} {report.seed}: {report.violations[:3]}" for report in broken)
    assert compared > played / 2, "most executions are held against the reference"


@pytest.mark.parametrize("seed", range(12))
def test_the_same_seed_gives_the_same_log(seed: int) -> None:
    first, second = simulate(seed), simulate(seed)
    assert (first.digest, first.steps, first.statuses) == (second.digest, second.steps, second.statuses)
    assert first.digest != simulate(seed + 1_000).digest


def test_the_faults_really_happen() -> None:
    """Without these, a clean run would say nothing."""
    seen: set[str] = set()
    for seed in range(250):
        world = World(seed, tell=True)
        world.play()
        story = "\n".join(world.story or [])
        seen |= {word for word in (*FAULTS, "lost its lease") if word in story}
        for run in world.runs:
            known = world.ledger.of(run.id)
            seen |= {"two owners"} if known.epoch > 1 else set()
            seen |= {"attempt again"} if any(attempt > 1 for _, attempt in known.started) else set()
            seen |= {"cancelled"} if run.cancelled else set()
    assert seen == {*FAULTS, "lost its lease", "two owners", "attempt again", "cancelled"}


# -- sabotage: what holds the laws is switched off, and the simulator must notice --------------------------------------


def noticed(law: str) -> None:
    """Some seed breaks this law."""
    for seed in range(SABOTAGE_SEEDS):
        if any(law in violation for violation in simulate(seed).violations):
            return
    pytest.fail(f"no seed of {SABOTAGE_SEEDS} breaks {law}")


def test_without_the_fence_two_owners_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """R22: appends are taken as they come, whatever epoch and seq they were decided under."""
    original = MemoryStore._append_events

    def unfenced(store: MemoryStore, write: AppendEvents) -> Any:
        record = store._tables.executions[write.execution_id]
        count = write.last_seq - write.expected_seq
        forged = msgspec.structs.replace(
            write, epoch=record.epoch, expected_seq=record.last_seq, last_seq=record.last_seq + count
        )
        return original(store, forged)

    monkeypatch.setattr(MemoryStore, "_append_events", unfenced)
    noticed("L2")


def test_without_the_lease_margin_a_stopped_owner_dispatches(monkeypatch: pytest.MonkeyPatch) -> None:
    """R23: whoever wakes up after its lease believes itself the owner."""
    original = Driver.__init__

    def trusting(self: Driver, journal: Any, reader: Any, publish: Any, now_ms: Any, may_dispatch: Any) -> None:
        original(self, journal, reader, publish, now_ms, lambda: True)

    monkeypatch.setattr(Driver, "__init__", trusting)
    noticed("R23")


def test_effects_before_their_commit_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R24."""
    monkeypatch.setattr(LiveExecution, "_may_run_ahead", lambda self, command: True)
    noticed("L1 R24")


def test_publishing_before_the_commit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """L1: events are told as soon as they are decided."""
    original: Callable[..., Any] = Driver._next_commit

    def hasty(self: Driver, live: LiveExecution) -> Any:
        write = original(self, live)
        if write is not None:
            self._tell(live, live.committed_seq + 1, live.in_flight)
        return write

    monkeypatch.setattr(Driver, "_next_commit", hasty)
    noticed("L1")


def test_results_that_are_taken_twice_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R31, R35: any answer of an instance counts, whatever attempt it belongs to."""
    original: Callable[..., Any] = Driver._do_take

    def careless(self: Driver, execution_id: str, stimulus: Any) -> None:
        live = self._live.get(execution_id)
        attempt = live.state.running.get(getattr(stimulus, "instance", "")) if live is not None else None
        if attempt is not None and hasattr(stimulus, "attempt"):
            stimulus = msgspec.structs.replace(stimulus, attempt=attempt)
        original(self, execution_id, stimulus)

    monkeypatch.setattr(Driver, "_do_take", careless)
    noticed("R35")


def test_a_repeated_commit_that_is_written_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """L3: a lost acknowledgement must not double events."""
    original = MemoryStore._append_events

    def forgetful(store: MemoryStore, write: AppendEvents) -> Any:
        result = original(store, write)
        record = store._tables.executions[write.execution_id]
        if isinstance(result, Done) and record.last_seq != write.last_seq:
            batch = store._tables.batches[write.execution_id][-1]
            store._tables.batches[write.execution_id].append(msgspec.structs.replace(batch, events=write.events))
        return result

    monkeypatch.setattr(MemoryStore, "_append_events", forgetful)
    noticed("L3")


def test_history_that_is_rewritten_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """L3: the same for ever."""
    original = MemoryStore._append_events

    def rewriting(store: MemoryStore, write: AppendEvents) -> Any:
        result = original(store, write)
        batches = store._tables.batches[write.execution_id]
        if len(batches) > 4:
            batches[0] = msgspec.structs.replace(batches[0], events=batches[0].events.replace(b"1", b"2"))
        return result

    monkeypatch.setattr(MemoryStore, "_append_events", rewriting)
    noticed("L3")


def test_without_the_sweep_executions_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """L7."""
    monkeypatch.setattr(Orchestrator, "sweep", lambda self: None)
    noticed("L7")


def test_a_cancellation_that_loses_against_the_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R35: the ending is written although a cancellation was accepted before."""
    original: Callable[..., Any] = LiveExecution.next_commit

    def deaf(self: LiveExecution, now_ms: int) -> Any:
        write = original(self, now_ms)
        return None if write is None else msgspec.structs.replace(write, refuse_on_inbox=None)

    monkeypatch.setattr(LiveExecution, "next_commit", deaf)
    noticed("R35")


def test_a_state_that_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R29: something of the state that is not in the log."""
    original: Callable[..., Any] = LiveExecution.take

    def forgetful(self: LiveExecution, stimulus: Any) -> Any:
        actions = original(self, stimulus)
        self.state.variables["n"] = 7
        return actions

    monkeypatch.setattr(LiveExecution, "take", forgetful)
    noticed("R29")


def test_a_process_that_keeps_what_has_ended_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """L8."""
    monkeypatch.setattr(Driver, "_forget", lambda self, live: None)
    noticed("L8")


def test_a_fault_in_a_turn_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., Any] = Driver._dispatch

    def failing(self: Driver) -> None:
        if self._to_run and self._to_run[0].attempt > 1:
            raise LookupError("sabotage")
        original(self)

    monkeypatch.setattr(Driver, "_dispatch", failing)
    noticed("sabotage")


def test_a_dead_process_does_nothing_more() -> None:
    world = World(0)
    process = world.slots[0]
    process.die()
    done: list[int] = []
    world.later(0, process, lambda: done.append(1))
    world.run_nested(world.now + 10)
    assert done == []
