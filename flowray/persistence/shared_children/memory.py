"""Shared children in the dictionaries of a MemoryStore; callers hold its lock but for reads."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.records.executions import is_shared
from flowray.persistence.shared_children.calls import end_row, has_ended


class MemorySharedChildren:
    """Calls by parent and key; a SharedChildReader."""

    def __init__(self, lock: AbstractContextManager[Any], executions: Mapping[str, ExecutionRecord]) -> None:
        self._lock = lock
        self._executions = executions
        self._calls: dict[tuple[str, str], str] = {}

    def note(self, parent_id: str, parent_key: str, child_id: str) -> None:
        """A call waits for a child."""
        self._calls.setdefault((parent_id, parent_key), child_id)

    def ends(self, child: ExecutionRecord) -> list[InboxRecord]:
        """What the callers of an execution are told, if it is a shared child that has ended."""
        if not is_shared(child) or not has_ended(child.status):
            return []
        return [
            end_row(child, parent_id, parent_key)
            for (parent_id, parent_key), child_id in sorted(self._calls.items())
            if child_id == child.id and not has_ended(self._executions[parent_id].status)
        ]

    def is_awaited(self, child_id: str) -> bool:
        """Whether somebody who has called it has not ended."""
        return any(not has_ended(self._executions[caller].status) for caller in self.callers(child_id))

    def forget(self, execution_id: str) -> None:
        """The execution is gone, and with it its calls and those of it."""
        kept = {call: child for call, child in self._calls.items() if execution_id not in (call[0], child)}
        self._calls.clear()
        self._calls.update(kept)

    def child_of(self, parent_id: str, parent_key: str) -> str | None:
        with self._lock:
            return self._calls.get((parent_id, parent_key))

    def callers(self, child_id: str) -> list[str]:
        with self._lock:
            return sorted({call[0] for call, child in self._calls.items() if child == child_id})
