"""Writes of executions: the row with its plan, and what its owner appends (R22)."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records import (
    ExecutionRecord,
    InboxRecord,
    NodeLogRecord,
    SnapshotRecord,
    WaitpointClosing,
    WaitpointRecord,
)
from flowray.persistence.writes.base import Write
from flowray.persistence.writes.workflow_memory import MemoryChanges


class InsertExecution(Write, tag="insert_execution", frozen=True):
    """Insert an execution and, unless present, its plan, in one transaction.

    If ``record.idempotency_key`` is taken within (workspace, workflow), nothing is inserted and the result is
    Existing; the caller compares request hashes. A key that is spent (``idempotency``) goes to the new one. One that is
    delayed, or of a queue without a free slot, is inserted as nobody's, whatever the record says, and waits in line;
    its delay and its time to live count from now. ``parent_epoch``: of a child, the epoch under which its parent asks
    for it; if the parent has ended or has another owner by now, the result is Fenced (R19, R22). ``shared_key``: of a
    shared child (``shared_children.calls``), the key of the call by which its parent waits for it. Result: Inserted,
    Existing or Fenced.
    """

    record: ExecutionRecord
    plan: bytes
    parent_epoch: int | None = None
    shared_key: str | None = None


class AppendEvents(Write, tag="append_events", frozen=True):
    """Append one commit's events and what they imply, fenced by a compare-and-set on epoch and last seq (R22).

    ``changes`` are columns of ExecutionRecord to set. ``consumed`` are inbox ids folded by these events; they are
    marked in the same transaction (R25). ``release`` gives up ownership. ``refuse_on_inbox``: if the execution has an
    unconsumed inbox row of this kind that is not among ``consumed``, nothing is written and the result is Pending
    (R35). ``waitpoints`` are opened (one that is there already stays as it is), ``closed_waitpoints`` closed unless
    they are; ``close_waitpoints`` cancels all that are still open. ``snapshot`` replaces the one before. ``outbox``
    are rows for the inboxes of other executions, inserted in the same transaction: the end of a child for its parent, a
    cancellation for a child. One whose execution is unknown or has ended, or whose dedupe key is taken, is left out.
    ``memory`` is applied to the workflow's memory in the same transaction, whatever its limits.
    ``last_seq == expected_seq`` with the events ``[]`` changes columns without an event. A repeat of what has been
    written answers Done. ``reopened_waitpoints``: those that a crash at this time cancelled are open again.
    Result: Done, Fenced, Pending.
    """

    execution_id: str
    epoch: int
    expected_seq: int
    last_seq: int
    ts: int
    events: bytes
    changes: dict[str, Any] = {}
    node_logs: tuple[NodeLogRecord, ...] = ()
    consumed: tuple[str, ...] = ()
    release: bool = False
    refuse_on_inbox: str | None = None
    waitpoints: tuple[WaitpointRecord, ...] = ()
    closed_waitpoints: tuple[WaitpointClosing, ...] = ()
    close_waitpoints: bool = False
    reopened_waitpoints: int | None = None
    snapshot: SnapshotRecord | None = None
    outbox: tuple[InboxRecord, ...] = ()
    memory: MemoryChanges | None = None
