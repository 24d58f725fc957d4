"""The memory that executions of a workflow share, between engine, store and lanes: what is written, what is read."""

from __future__ import annotations

from collections.abc import Iterable

from flowray.engine import events as ev
from flowray.engine.shared_memory import SharedEntry
from flowray.handlers.services import MemoryPlace, MemoryView
from flowray.persistence.records import ExecutionRecord, MemoryRecord
from flowray.persistence.stores import WorkflowMemoryReader
from flowray.persistence.writes import MemoryChanges
from flowray.runtime.patience import patiently

_PAGE = 500


def memory_changes(record: ExecutionRecord, events: Iterable[ev.AnyEvent]) -> MemoryChanges | None:
    """What the events of one commit do to the memory of the execution's workflow, in order; None for nothing (R17)."""
    changes = tuple(
        change
        for event in events
        if isinstance(event, ev.NodeCompleted | ev.NodeStepped | ev.NodeAnswered)
        for change in event.variables
        if change.workflow
    )
    if not changes or record.workflow_id is None:
        return None
    return MemoryChanges(workflow_id=record.workflow_id, operations=changes)


class StoredWorkflowMemory:
    """The WorkflowMemory of a lane, read from the store off its event loop."""

    def __init__(self, reader: WorkflowMemoryReader) -> None:
        self._reader = reader

    async def read(self, place: MemoryPlace, key: str | None = None) -> MemoryView:
        """The entry ``key``, or all of them by key, as committed now."""
        return await patiently(lambda: self._read(place, key))

    def _read(self, place: MemoryPlace, key: str | None) -> MemoryView:
        size = self._reader.size(place.workflow_id, place.workspace_id)
        if key is None:
            found = self._all(place)
        else:
            row = self._reader.entry(place.workflow_id, key, place.workspace_id)
            found = [] if row is None else [row]
        entries = {row.key: SharedEntry(row.value, row.bytes) for row in found}
        return MemoryView(entries, size.entries, size.bytes)

    def _all(self, place: MemoryPlace) -> list[MemoryRecord]:
        rows: list[MemoryRecord] = []
        cursor: str | None = None
        while True:
            page = self._reader.entries(place.workflow_id, limit=_PAGE, cursor=cursor, workspace_id=place.workspace_id)
            rows.extend(page.data)
            cursor = page.next_cursor
            if cursor is None:
                return rows
