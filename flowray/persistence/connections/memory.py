"""Connections of a MemoryStore: in a dictionary, with the same rules as in SQL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from flowray.persistence.connections.changes import changed
from flowray.persistence.connections.records import ConnectionRecord
from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes import AnyResult
from flowray.persistence.writes.connections import (
    AnyConnectionWrite,
    ClaimRenewal,
    DeleteConnection,
    SaveConnection,
    SaveTokens,
)


class MemoryConnections:
    """A ConnectionReader, and what applies the writes."""

    def __init__(self, lock: AbstractContextManager[Any], clock_ms: Callable[[], int]) -> None:
        self._lock = lock
        self._clock_ms = clock_ms
        self._rows: dict[tuple[str, str], ConnectionRecord] = {}

    def writes(self) -> dict[Any, Callable[[Any], AnyResult]]:
        """What applies each kind of write; the caller holds the lock."""
        return dict.fromkeys((SaveConnection, DeleteConnection, ClaimRenewal, SaveTokens), self._apply)

    def _apply(self, write: AnyConnectionWrite) -> AnyResult:
        key = (write.workspace_id, write.name)
        record, result = changed(self._rows.get(key), write, self._clock_ms())
        if record is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = record
        return result

    def all(self, workspace_id: str = DEFAULT_WORKSPACE) -> list[ConnectionRecord]:
        """Of a workspace, by name."""
        with self._lock:
            return [row for (workspace, _), row in sorted(self._rows.items()) if workspace == workspace_id]

    def get(self, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> ConnectionRecord | None:
        """One of them."""
        with self._lock:
            return self._rows.get((workspace_id, name))
