"""The memory that executions of a workflow share, in the dictionaries of a MemoryStore, under its lock."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import msgspec

from flowray.engine.shared_memory import SharedEntry, changed
from flowray.engine.signals import VariableOperation
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.records import DEFAULT_WORKSPACE, MemoryRecord, MemorySize, Page
from flowray.persistence.writes import AppendEvents

Place = tuple[str, str]
"""Workspace and workflow."""


class MemoryWorkflowMemory:
    """A WorkflowMemoryReader, and what changes what it reads."""

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._kept: dict[Place, dict[str, MemoryRecord]] = {}

    def apply(self, write: AppendEvents, workspace_id: str) -> None:
        """What an accepted append does (R17)."""
        if write.memory is None:
            return
        workflow_id = write.memory.workflow_id
        kept = self._kept.setdefault((workspace_id, workflow_id), {})
        operations = msgspec.convert(msgspec.to_builtins(write.memory.operations), list[VariableOperation])
        for operation in operations:
            present = kept.get(operation.name)
            before = {} if present is None else {operation.name: SharedEntry(present.value, present.bytes)}
            after = changed(before, operation).get(operation.name)
            if after is None:
                kept.pop(operation.name, None)
                continue
            kept[operation.name] = MemoryRecord(
                workflow_id=workflow_id, key=operation.name, value=after.value, bytes=after.bytes,
                updated_at=write.ts, updated_by=write.execution_id, workspace_id=workspace_id,
            )  # fmt: skip

    def clear(self, place: Place, key: str | None = None) -> None:
        """Remove an entry, or all of them."""
        if key is None:
            self._kept.pop(place, None)
        else:
            self._kept.get(place, {}).pop(key, None)

    def size(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> MemorySize:
        rows = self._rows(workflow_id, workspace_id)
        return MemorySize(entries=len(rows), bytes=sum(row.bytes for row in rows))

    def entry(self, workflow_id: str, key: str, workspace_id: str = DEFAULT_WORKSPACE) -> MemoryRecord | None:
        return next((row for row in self._rows(workflow_id, workspace_id) if row.key == key), None)

    def entries(
        self,
        workflow_id: str,
        *,
        prefix: str = "",
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        listing = f"memory {workflow_id}"
        after = decode_cursor(listing, cursor)
        rows = sorted(self._rows(workflow_id, workspace_id), key=lambda row: row.key)
        found = [row for row in rows if row.key.startswith(prefix) and (after is None or row.key > after[1])]
        return cut_page(listing, found[: limit + 1], limit, lambda row: (0, row.key))

    def _rows(self, workflow_id: str, workspace_id: str) -> list[MemoryRecord]:
        with self._lock:
            return list(self._kept.get((workspace_id, workflow_id), {}).values())
