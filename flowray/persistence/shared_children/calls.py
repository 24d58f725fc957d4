"""Children that several executions call under one key: who waits for which, and what each of them is told of its end.

Pure, but for the shape of the write. A shared child names whoever called it first as its parent, under no key: no
single call decides over it.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from flowray.engine.signals import NodeError, Usage
from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.engine.stimuli import ChildEnded
from flowray.errors import ErrorCode
from flowray.persistence.records import ExecutionRecord, InboxRecord

CHILD = "child"
"""Kind of the inbox row by which a caller hears that a child has ended."""


class SharedChildReader(Protocol):
    """Who waits for which shared child. Raises FlowrayError DATABASE_UNAVAILABLE."""

    def child_of(self, parent_id: str, parent_key: str) -> str | None:
        """The child that a call waits for, or has waited for."""
        ...

    def callers(self, child_id: str) -> list[str]:
        """The executions that wait, or have waited, for a child."""
        ...


def has_ended(status: str | None) -> bool:
    """Whether there is an end to tell of."""
    return status in TERMINAL_EXECUTION


def end_row(child: ExecutionRecord, parent_id: str, parent_key: str) -> InboxRecord:
    """What one of its callers is told of the end of a child, as its row has it."""
    end = ChildEnded(
        ts=0, instance=parent_key.rpartition("#")[0], key=parent_key, child_id=child.id, status=child.status,
        outputs=child.outputs if child.status == ExecutionStatus.COMPLETED else None, error=_error(child),
        usage=msgspec.convert(child.usage, Usage) if child.usage else None, workflow_id=child.workflow_id,
        version=child.workflow_version, last_seq=child.last_seq,
    )  # fmt: skip
    return InboxRecord(
        id=f"{child.id}-end-{parent_id}-{parent_key}", execution_id=parent_id, kind=CHILD,
        data=msgspec.to_builtins(end), dedupe_key=f"child {child.id} {parent_key}",
    )  # fmt: skip


def _error(child: ExecutionRecord) -> NodeError | None:
    if child.status == ExecutionStatus.CANCELLED:
        return NodeError(message=child.cancel_reason or "", code=ErrorCode.EXECUTION_CANCELLED.value)
    if child.status == ExecutionStatus.COMPLETED or child.error is None:
        return None
    return msgspec.convert({name: value for name, value in child.error.items() if value is not None}, NodeError)
