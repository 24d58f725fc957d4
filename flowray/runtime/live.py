"""One execution in the hands of its owner: plan, state, what is not yet committed, and what waits for the commit.

Knows no thread, queue or database; the driver moves it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from flowray.engine import events as ev
from flowray.engine.children import WAITS_FOR_CHILD, child_key, is_own, is_waited_for
from flowray.engine.commands import (
    CancelTimer,
    Command,
    EndExecution,
    ExpireWaitpoint,
    PruneOutputs,
    RunNode,
    StartChild,
    StartTimer,
    StopChild,
    StopNode,
)
from flowray.engine.folding import instances_of
from flowray.engine.machine import step
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.signals import NodeError, Usage
from flowray.engine.state import ExecutionState, next_wake
from flowray.engine.statuses import ExecutionStatus
from flowray.engine.stimuli import AnyStimulus
from flowray.errors import ErrorCode
from flowray.handlers.node_task import NodeTask
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import AppendEvents
from flowray.runtime.children import CANCEL, CHILD, cancel_row, crash_row, end_row
from flowray.runtime.dispatch import node_task
from flowray.runtime.poison import shows_progress
from flowray.runtime.projection import node_logs, row_changes
from flowray.runtime.snapshots import snapshot_id, snapshot_record
from flowray.runtime.waitpoints import closed, opened, prepared
from flowray.runtime.workflow_memory import memory_changes

PROGRESS_EVERY_MS = 250
"""How often the row's progress is brought up to date: it costs O(nodes), so not with every commit."""

_FAILURES = (ev.ExecutionFailed, ev.ExecutionTimedOut)

_incarnations = itertools.count(1)

Action: TypeAlias = (
    NodeTask | StartTimer | CancelTimer | StopNode | StartChild | StopChild | ExpireWaitpoint | PruneOutputs
    | EndExecution
)  # fmt: skip
"""A command to carry out; one that runs a node is packed into its task already."""


class LiveExecution:
    """An execution that this process owns.

    ``committed_seq``: the last event that is durable. ``pending``: events decided since, in order. At most one commit
    is in flight (R26). ``held`` are actions that wait until the event with their number is durable (R23, R24).
    ``consumed`` are inbox rows that the next commit marks; ``folded`` all that were ever taken. ``outbox`` are rows for
    other executions that the next commit takes along, ``sent`` those of the commit in flight. ``crash_reason`` is set
    once the execution cannot be driven on: only that ending is still to be committed. ``incarnation`` numbers the
    times at which this process has taken up an execution: attempts that ran ahead of a commit that never came have
    left no trace, so their numbers are given again, and their late results must not count (R23). ``resting``: the
    next commit gives it up, since only answers or a later time can move it; nothing is taken any more.
    ``on_probation``: former owners died with it, and no commit has acquitted it yet; ``proven``: the next one is to,
    since this owner lives on (R28).
    """

    def __init__(self, record: ExecutionRecord, index: PlanIndex, state: ExecutionState, epoch: int) -> None:
        self.record = record
        self.index = index
        self.state = state
        self.epoch = epoch
        state.epoch = epoch
        self.committed_seq = record.last_seq
        self.pending: list[ev.AnyEvent] = []
        self.in_flight: list[ev.AnyEvent] = []
        self.held: list[tuple[int, Action]] = []
        self.consumed: list[str] = []
        self.folded: set[str] = set()
        self.outbox: list[InboxRecord] = []
        self.sent: tuple[InboxRecord, ...] = ()
        self.progress_at = 0
        self._status = record.status  # as the row has it
        self._status_sent = record.status
        self.crash_reason: str | None = None
        self.resting = False
        self.on_probation = record.failed_recoveries > 0
        self.proven = False
        self._is_committing = False
        self.incarnation = next(_incarnations)
        self._marked: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The execution's id."""
        return self.record.id

    @property
    def next_seq(self) -> int:
        """The number that the next event will get."""
        return self.committed_seq + len(self.in_flight) + len(self.pending) + 1

    def take(self, stimulus: AnyStimulus) -> list[Action]:
        """Step the engine. Returns the actions that may be carried out at once; the others are held.

        A node without outside effect may run ahead of the commit (R23); everything else waits until all that was
        decided up to now is durable.
        """
        if self.crash_reason is not None:
            return []
        stimulus = prepared(stimulus)
        events, commands = step(self.index, self.state, stimulus)
        self.pending.extend(events)
        ready: list[Action] = []
        last = self.next_seq - 1
        for command in commands:
            if isinstance(command, StopChild):
                self.outbox.append(cancel_row(self.id, command))
            action = self._action(command, stimulus.ts)
            # What led to a command may be durable already: then nothing would come to set it free.
            if last <= self.committed_seq or self._may_run_ahead(command):
                ready.append(action)
            else:
                self.held.append((last, action))
        return ready

    def _action(self, command: Command, ts: int) -> Action:
        if isinstance(command, RunNode):
            return node_task(self.record, self.index, self.state, command, ts, self.incarnation)
        return command

    def _may_run_ahead(self, command: Command) -> bool:
        return isinstance(command, RunNode) and not self.index.nodes[command.node_id].node.waits_for_commit

    def fold_inbox(self, row_id: str) -> bool:
        """Note that an inbox row is being folded; False if it was before, so that repeats do nothing (R25)."""
        if row_id in self.folded:
            return False
        self.folded.add(row_id)
        self.consumed.append(row_id)
        return True

    def next_commit(self, now_ms: int) -> AppendEvents | None:
        """The write of everything pending, or None if nothing is pending or a commit is in flight.

        Requests that changed nothing are marked too, and giving the execution up is a commit of its own: both without
        an event.
        """
        acquits = self.on_probation and self.proven
        if self._is_committing or not (self.pending or self.consumed or self.resting or acquits):
            return None
        self._is_committing = True
        self.in_flight, self.pending = self.pending, []
        self._marked, self.consumed = tuple(self.consumed), []
        first = self.committed_seq + 1
        last = self.committed_seq + len(self.in_flight)
        if self.crash_reason is not None:
            self.sent = self.outbox_of_crash(self.crash_reason)
            return crash_write(
                self.id, self.epoch, self.committed_seq, self.in_flight[-1].ts, self.crash_reason, self.sent
            )
        with_progress = now_ms - self.progress_at >= PROGRESS_EVERY_MS
        if with_progress:
            self.progress_at = now_ms
        ended = self.state.ended
        self.sent, self.outbox = (*self.outbox, *(self._end_row(last) if ended else ())), []
        return AppendEvents(
            execution_id=self.id,
            epoch=self.epoch,
            expected_seq=self.committed_seq,
            last_seq=last,
            ts=self.in_flight[-1].ts if self.in_flight else now_ms,
            events=ev.encode_events(self.in_flight),
            changes=self._row_changes(with_progress),
            node_logs=node_logs(self.index, self.id, first, self.in_flight),
            consumed=self._marked,
            release=ended or self.resting,
            refuse_on_inbox=CANCEL if ended and not self.state.cancel_reason else None,
            outbox=self.sent,
            waitpoints=opened(self.id, self.in_flight),
            closed_waitpoints=closed(self.id, self.in_flight),
            snapshot=snapshot_record(self.id, last, self.state, now_ms) if self.resting else None,
            memory=memory_changes(self.record, self.in_flight),
        )

    def _row_changes(self, with_progress: bool) -> dict[str, Any]:
        changes = row_changes(self.index, self.id, self.state, self.in_flight, with_progress)
        self._status_sent = changes["status"]
        if self._status_sent == self._status:
            del changes["status"]  # Indexes have it: a database touches them all for a column that is set.
        if self.resting:
            changes |= {"wake_at": self.wakes_at(), "snapshot_id": snapshot_id(self.id, self.committed_seq)}
        if self.on_probation and (self.proven or self.resting or shows_progress(self.in_flight)):
            self.proven = True
            changes["failed_recoveries"] = 0
        return changes

    @property
    def is_idle(self) -> bool:
        """Only an answer, a request or a later time can move it: nothing of it has to be in memory.

        Not while it waits for children: who waits for them is where they are started and stopped.
        """
        state = self.state
        return (
            state.status in (ExecutionStatus.WAITING, ExecutionStatus.PAUSED)
            and not (self.pending or self.consumed or self.outbox or self.held or self._is_committing)
            and not state.running
            and (state.hold is not None or not len(state.ready))
            and not state.waiting_kinds.get(WAITS_FOR_CHILD)
            and not any(container.asking for container in state.containers.values())
        )

    def wakes_at(self) -> int | None:
        """When it goes on by itself, ms since the epoch."""
        return next_wake(self.state)

    def _end_row(self, last_seq: int) -> tuple[InboxRecord, ...]:
        """What the parent is told: every end of a child is in its parent's inbox in the commit that ends it (R19)."""
        state = self.state
        error = next((event.error for event in self.in_flight if isinstance(event, _FAILURES)), None)
        if state.status is ExecutionStatus.CANCELLED:
            error = NodeError(message=state.cancel_reason or "", code=ErrorCode.EXECUTION_CANCELLED.value)
        row = end_row(
            self.record,
            state.status.value,
            outputs=state.outputs if state.status is ExecutionStatus.COMPLETED else None,
            error=error,
            usage=state.usage if state.usage != Usage() else None,
            last_seq=last_seq,
        )
        return () if row is None else (row,)

    def outbox_of_crash(self, reason: str) -> tuple[InboxRecord, ...]:
        """A crash ends the children, and the parent hears of it.

        The step that broke may have let go of a child already; a row for one that has ended is left out by the store.
        """
        calls = [
            StopChild(instance, child_key(instance, node), "the execution that called it crashed")
            for instance, _, node in instances_of(self.state)
            if (node.child is not None or node.child_id) and is_own(node.child)
        ]
        rows = [*self.outbox, *(cancel_row(self.id, call) for call in calls)]
        end = crash_row(self.record, reason, self.committed_seq + 1)
        return tuple(rows) if end is None else (*rows, end)

    def committed(self) -> tuple[int, list[ev.AnyEvent], list[Action]]:
        """The commit in flight is durable: its first number, its events, and the actions it sets free."""
        first, events = self.committed_seq + 1, self.in_flight
        self.committed_seq += len(events)
        self._status = self._status_sent
        self.in_flight, self._is_committing = [], False
        self.on_probation = self.on_probation and not self.proven
        self.sent = ()
        free = [action for seq, action in self.held if seq <= self.committed_seq and self.is_wanted(action)]
        self.held = [(seq, action) for seq, action in self.held if seq > self.committed_seq]
        return first, events, free

    def is_wanted(self, action: Action) -> bool:
        """False for an attempt or a child that was stopped while it waited for its commit: it must not start."""
        if isinstance(action, StartChild):
            return is_waited_for(self.state, action)
        if not isinstance(action, NodeTask) or action.sentinel:
            return True
        return self.state.running.get(action.instance) == action.attempt

    def retract_end(self, read_log: Callable[[str], Sequence[bytes]]) -> None:
        """The ending was refused because a cancellation came first (R35): go back to just before it.

        What the refused commit held besides the ending stays pending, so that no result is lost.
        """
        kept = [event for event in self.in_flight if ev.event_type(event) not in ev.TERMINAL_EVENTS]
        self.state = replay(self.index, [*self._own_past(read_log(self.id)), ev.encode_events(kept)])
        self.state.epoch = self.epoch
        self.in_flight, self._is_committing = [], False
        self.pending = kept
        self.consumed = [*self._marked, *self.consumed]
        self._take_back_rows()
        self.held = []

    def _take_back_rows(self) -> None:
        """Rows of a commit that was refused go with the next one, but not the news of an ending that was none."""
        self.outbox = [*(row for row in self.sent if row.kind != CHILD), *self.outbox]
        self.sent = ()

    def _own_past(self, log: Sequence[bytes]) -> list[bytes]:
        """The log as far as this owner knows it: a successor may have gone on while the refusal was on its way."""
        commits: list[bytes] = []
        seq = 0
        for commit in log:
            if seq == self.committed_seq:
                break
            commits.append(commit)
            seq += len(ev.decode_events(commit))
        return commits

    def crash(self, ts: int, reason: str) -> None:
        """It cannot be driven on: it ends, visibly, after what is durable or in flight. The rest is dropped."""
        self.crash_reason = reason
        self.pending = [ev.ExecutionCrashed(ts=ts, reason=reason)]
        self.held = []

    def withdraw(self) -> None:
        """The write of ``next_commit`` was refused, or could not even be made: nothing is in flight."""
        self.in_flight, self._is_committing = [], False
        self.consumed = [*self._marked, *self.consumed]
        self._take_back_rows()


def crash_write(
    execution_id: str,
    epoch: int,
    committed_seq: int,
    ts: int,
    reason: str,
    outbox: tuple[InboxRecord, ...] = (),
) -> AppendEvents:
    """The write that ends an execution as crashed. Reads neither plan nor state: they may be what is broken."""
    error = {"message": reason, "code": ErrorCode.EXECUTION_CRASHED.value, "node_id": None, "attempt": None}
    return AppendEvents(
        execution_id=execution_id,
        epoch=epoch,
        expected_seq=committed_seq,
        last_seq=committed_seq + 1,
        ts=ts,
        events=ev.encode_events([ev.ExecutionCrashed(ts=ts, reason=reason)]),
        changes=_crash_changes(ts, reason, {**error, "details": {}}),
        release=True,
        outbox=outbox,
        close_waitpoints=True,
    )


def _crash_changes(ts: int, reason: str, error: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": ExecutionStatus.CRASHED.value,
        "ended_at": ts,
        "crash_reason": reason,
        "error": error,
        "waiting_for": [],
    }
