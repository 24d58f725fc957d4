"""Hands committed events to the readers of this process that follow them. Best effort; the log is the truth."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator

from flowray.eventlog.log import EventLog, RecordedEvent, number_events
from flowray.eventlog.tail import PushedEvents, follow


class Fanout:
    """One per process. ``publish`` may be called from any thread; readers live on any event loop."""

    def __init__(self) -> None:
        self._readers: dict[str, set[PushedEvents]] = {}
        self._lock = threading.Lock()

    def publish(self, execution_id: str, first_seq: int, events: bytes) -> None:
        """Push one commit's events (a JSON array) to whoever follows the execution."""
        with self._lock:
            readers = list(self._readers.get(execution_id, ()))
        if readers:
            numbered = number_events(first_seq, events)
            for reader in readers:
                reader.push_from_thread(numbered)

    async def follow(self, log: EventLog, execution_id: str, after: int) -> AsyncGenerator[list[RecordedEvent], None]:
        """Contiguous events after ``after``; an empty list after each second of silence; ends with the execution."""
        reader = PushedEvents()
        with self._lock:
            self._readers.setdefault(execution_id, set()).add(reader)
        try:
            async for batch in follow(log, execution_id, after, reader):
                yield batch
        finally:
            with self._lock:
                readers = self._readers[execution_id]
                readers.discard(reader)
                if not readers:
                    del self._readers[execution_id]

    def followed(self) -> int:
        """How many executions are being followed here."""
        return len(self._readers)
