"""Child executions as an owner sees them: the port that starts and finds them, and the inbox rows that pass between
parent and child. Starting itself is ``child_starts``; what a child means to its parent is ``engine.children``.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from flowray.engine import stimuli as st
from flowray.engine.commands import StartChild, StopChild
from flowray.engine.signals import NodeError, Usage
from flowray.engine.statuses import ExecutionStatus
from flowray.errors import ErrorCode
from flowray.persistence.records import ExecutionRecord, InboxRecord

CHILD = "child"
"""Kind of the inbox row by which a parent hears that a child has ended."""

CANCEL = "cancel"
"""Kind, and dedupe key, of the inbox row that cancels an execution."""

_NAMESPACE = uuid.UUID("6f0d1a52-7c1e-5b57-9a55-2f1d8c0e4b19")


class Children(Protocol):
    """Carries StartChild and StopChild out. Every method returns at once; what is asked is done in order (FIFO).

    The driver calls it only after the commit of what led to the command. What comes of a start reaches the driver by
    ``Driver.post``: ChildStarted once the child's row is committed, or ChildEnded with status ``refused`` if it cannot
    be started. A child's end does not pass here: its terminal commit puts a row of kind ``child`` into its parent's
    inbox (``end_row``), in the same transaction, wherever the parent is. Likewise the commit in which a parent stops
    waiting puts a ``cancel`` row into the child's inbox, if the child is there.
    """

    def start(self, parent: ExecutionRecord, command: StartChild) -> None:
        """Start the child that ``command`` names, or find the one that is there under its id.

        ``parent.epoch`` fences the start: once somebody else owns the parent, no child is inserted for this owner.
        """
        ...

    def stop(self, parent: ExecutionRecord, command: StopChild) -> None:
        """Cancel a child, also one whose start still waits in the queue."""
        ...

    def wake(self, execution_ids: Sequence[str]) -> None:
        """Rows were put into the inboxes of executions that are not driven here: tell their owners. Best effort."""
        ...


def child_id(parent_id: str, key: str) -> str:
    """The id of the child that a parent has under ``key``: whoever re-attaches after a crash finds the same (R19)."""
    return str(uuid.uuid5(_NAMESPACE, f"{parent_id}\n{key}"))


def end_row(
    child: ExecutionRecord,
    status: str,
    *,
    outputs: Any = None,
    error: NodeError | None = None,
    usage: Usage | None = None,
    last_seq: int = 0,
) -> InboxRecord | None:
    """The row that tells the parent; None for an execution without one. Its id follows from the child's.

    Its data is the stimulus that it becomes; the time is that of its receipt.
    """
    if child.parent_id is None or child.parent_key is None:
        return None
    end = st.ChildEnded(
        ts=0, instance=child.parent_key.rpartition("#")[0], key=child.parent_key, child_id=child.id, status=status,
        outputs=outputs, error=error, usage=usage, workflow_id=child.workflow_id, version=child.workflow_version,
        last_seq=last_seq,
    )  # fmt: skip
    return InboxRecord(
        id=f"{child.id}-end", execution_id=child.parent_id, kind=CHILD, data=msgspec.to_builtins(end),
        dedupe_key=f"child {child.id}",
    )  # fmt: skip


def crash_row(child: ExecutionRecord, reason: str, last_seq: int) -> InboxRecord | None:
    """The row that tells a parent that its child cannot be driven on."""
    error = NodeError(message=reason, code=ErrorCode.EXECUTION_CRASHED.value)
    return end_row(child, ExecutionStatus.CRASHED.value, error=error, last_seq=last_seq)


def cancel_row(parent_id: str, command: StopChild) -> InboxRecord:
    """The row that cancels a child. One that a person has cancelled already keeps that person's reason."""
    its_id = child_id(parent_id, command.key)
    return InboxRecord(
        id=f"{its_id}-stop", execution_id=its_id, kind=CANCEL, data={"reason": f"Parent: {command.reason}"},
        by=f"execution {parent_id}", dedupe_key=CANCEL,
    )  # fmt: skip


def ended(row: InboxRecord, ts: int) -> st.ChildEnded:
    """The stimulus that an inbox row of kind ``child`` means. Raises msgspec.ValidationError for another shape."""
    return msgspec.structs.replace(msgspec.convert(row.data, st.ChildEnded), ts=ts)
