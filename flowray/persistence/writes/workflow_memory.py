"""Writes of the memory that executions of a workflow share (R17)."""

from __future__ import annotations

import msgspec

from flowray.engine.signals import VariableOperation
from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
)
from flowray.persistence.writes.base import Write


class MemoryChanges(msgspec.Struct, frozen=True):
    """What the events of one commit do to the memory of their workflow, in order (R17)."""

    workflow_id: str
    operations: tuple[VariableOperation, ...]


class ClearMemory(Write, tag="clear_memory", frozen=True):
    """Remove an entry of a workflow's memory, or without ``key`` all of them. Result: Done, also if there was none."""

    workflow_id: str
    ts: int
    key: str | None = None
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """The memory."""
        return (f"memory {self.workflow_id}",)
