"""What holds the laws is switched off, piece by piece, and the simulation must notice each time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from flowray.engine import endings, folding, machine, scope_folding, scope_variables
from flowray.engine.commands import PruneOutputs
from flowray.engine.events import NodeStepped
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import AppendEvents, Done, InsertExecution, InsertInbox
from flowray.runtime import child_starts, dispatch
from flowray.runtime.children import CHILD, ended
from flowray.runtime.dispatching import Dispatching
from flowray.runtime.driver import Driver
from flowray.runtime.live import LiveExecution
from flowray.runtime.orchestrator import Orchestrator
from flowray.values import StoredValue
from tests.simulation.world import simulate

SABOTAGE_SEEDS = 2_000
"""How many may pass before one notices: the rarest sabotage shows in about one seed of a hundred."""


def noticed(law: str, near: int = 0) -> None:
    """Some seed breaks this law. ``near``: one that did when it was last looked for, so that the search is short."""
    for seed in (near, *range(SABOTAGE_SEEDS)):
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

    def trusting(
        self: Driver, journal: Any, reader: Any, publish: Any, now_ms: Any, may_dispatch: Any, **more: Any
    ) -> None:
        original(self, journal, reader, publish, now_ms, lambda: True, **more)

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
    noticed("R35", near=576)


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
    noticed("R35", near=65)


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
    original: Callable[..., Any] = Dispatching.dispatch

    def failing(self: Dispatching) -> None:
        if self._leaving and self._leaving[0].attempt > 1:
            raise LookupError("sabotage")
        original(self)

    monkeypatch.setattr(Dispatching, "dispatch", failing)
    noticed("sabotage")


def test_an_end_of_a_child_that_gets_lost_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R19, L7: the row for the parent does not go with the child's last commit."""
    original = MemoryStore._append_events

    def dropping(store: MemoryStore, write: AppendEvents) -> Any:
        kept = tuple(row for row in write.outbox if row.kind != CHILD)
        return original(store, msgspec.structs.replace(write, outbox=kept))

    monkeypatch.setattr(MemoryStore, "_append_events", dropping)
    noticed("L7", near=290)


def test_a_child_that_is_started_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R19: its id does not follow from its caller, so that a new owner does not find the one that is there."""
    numbers = itertools.count()
    monkeypatch.setattr(child_starts, "child_id", lambda parent_id, key: f"{parent_id} {key} {next(numbers)}")
    noticed("R19", near=1366)


def test_an_end_of_a_child_that_is_told_before_it_is_durable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R19, L1: the parent takes the end of its child from the driver, not from its inbox."""
    drivers: dict[str, Driver] = {}
    original: Callable[..., Any] = LiveExecution.next_commit

    def hasty(self: LiveExecution, now_ms: int) -> Any:
        write = original(self, now_ms)
        for row in () if write is None else write.outbox:
            if row.kind == CHILD and row.execution_id in drivers:
                drivers[row.execution_id].post(row.execution_id, ended(row, now_ms))
        return write

    taking: Callable[..., Any] = Driver._do_take

    def noting(self: Driver, execution_id: str, stimulus: Any) -> None:
        drivers[execution_id] = self
        taking(self, execution_id, stimulus)

    monkeypatch.setattr(LiveExecution, "next_commit", hasty)
    monkeypatch.setattr(Driver, "_do_take", noting)
    noticed("R19")


def test_a_forgotten_deadline_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R14: the timer of the deadline is never set."""
    monkeypatch.setattr(machine, "_start_clock", lambda turn: None)
    noticed("R14")


def test_a_deadline_that_is_moved_by_a_recovery_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R14, R29: a new owner gives an execution that was started its time anew."""
    original: Callable[..., Any] = LiveExecution.__init__

    def generous(self: LiveExecution, record: Any, index: Any, state: Any, epoch: int) -> None:
        if state.deadline_ms is not None:
            state.deadline_ms += 60_000
        original(self, record, index, state, epoch)

    monkeypatch.setattr(LiveExecution, "__init__", generous)
    noticed("R29")


def test_a_branch_that_sees_what_happens_beside_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R17: branches share their variables."""
    for module in (scope_folding, scope_variables):
        monkeypatch.setattr(module, "isolates", lambda index, container_id: False)
    noticed("R17")


def test_a_value_that_is_pruned_while_it_is_wanted_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R7: outputs go as soon as their node has ended."""
    original: Callable[..., Any] = Driver._carry_out

    def hasty(self: Driver, live: LiveExecution, actions: Any) -> None:
        root = live.state.scopes.get("")
        nodes = root.nodes.values() if root is not None else ()
        stored = tuple(node.output.payload_id for node in nodes if isinstance(node.output, StoredValue))
        original(self, live, [PruneOutputs(stored), *actions])

    monkeypatch.setattr(Driver, "_carry_out", hasty)
    noticed("R7")


def test_an_error_handler_that_a_new_owner_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R20: only the first owner of an execution enters it."""
    original: Callable[..., Any] = endings._enter_error_handler
    monkeypatch.setattr(endings, "_enter_error_handler", lambda turn: turn.state.epoch == 1 and original(turn))
    noticed("by the rules")


def test_a_second_answer_that_counts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R25: the inbox takes every answer, and the last one is folded."""
    original = MemoryStore._insert_inbox

    def forgetful(store: MemoryStore, write: InsertInbox) -> Any:
        return original(
            store, msgspec.structs.replace(write, record=msgspec.structs.replace(write.record, dedupe_key=None))
        )

    monkeypatch.setattr(MemoryStore, "_insert_inbox", forgetful)
    noticed("R25")


def test_a_rerun_that_runs_what_it_was_given_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R54: what was taken over is lost with the row of the rerun."""
    original = MemoryStore._insert_execution

    def forgetful(store: MemoryStore, write: InsertExecution) -> Any:
        taken = write.record.selection
        left = None if taken is None else {"run_from": taken.get("run_from")}
        record = msgspec.structs.replace(write.record, selection=left)
        return original(store, msgspec.structs.replace(write, record=record))

    monkeypatch.setattr(MemoryStore, "_insert_execution", forgetful)
    noticed("R54", near=1688)


def test_a_step_that_is_given_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R23: what the steps of a node have left is not handed to the next one."""
    monkeypatch.setattr(dispatch, "_so_far", lambda state, command: {"step": command.step} if command.step else {})
    noticed("are durable")


def test_steps_that_are_forgotten_by_a_recovery_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """R29: the fold of ``node.stepped`` loses the journal."""
    original = folding._FOLDS[NodeStepped]

    def forgetting(index: Any, state: Any, event: Any) -> None:
        original(index, state, msgspec.structs.replace(event, journal=None))

    monkeypatch.setitem(folding._FOLDS, NodeStepped, forgetting)
    noticed("is given the journal of")
