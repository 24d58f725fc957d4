"""The log of events of an execution, as readers see it: numbered JSON objects. Appending is the journal's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec


class RecordedEvent(msgspec.Struct, frozen=True):
    """An event with its number. ``body`` has every field of the event but ``type`` and ``ts``."""

    seq: int
    type: str
    ts: int
    body: dict[str, Any]


def number_events(first_seq: int, events: bytes) -> list[RecordedEvent]:
    """Unpack one commit's JSON array; its first event has number ``first_seq``."""
    recorded = []
    for offset, body in enumerate(msgspec.json.decode(events)):
        recorded.append(RecordedEvent(first_seq + offset, body.pop("type"), body.pop("ts"), body))
    return recorded


class EventLog(Protocol):
    """Reads logs. Synchronous and thread-safe."""

    def read(self, execution_id: str, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        """Events with ``seq > after``, contiguous and in order: all if fewer than ``limit``, else at least ``limit``
        rounded up to whole commits. Empty at the end of the log and for an unknown execution.
        """
        ...

    def read_raw(self, execution_id: str, after: int = 0) -> Sequence[bytes]:
        """The JSON arrays of all commits after ``after`` (which must be a commit's last seq), for folding."""
        ...
