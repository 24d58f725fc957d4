"""Hands committed events to the readers of this process that follow them. Best effort; the log is the truth."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Iterable

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

    def watch(self) -> FanoutWatch:
        """A word when any of several executions may have gone on."""
        return FanoutWatch(self._readers, self._lock)

    def followed(self) -> int:
        """How many executions are being followed here."""
        return len(self._readers)


class FanoutWatch:
    """A Watch over a Fanout's readers. Belongs to the event loop that makes it."""

    def __init__(self, readers: dict[str, set[PushedEvents]], lock: threading.Lock) -> None:
        self._readers = readers
        self._lock = lock
        self._reader = PushedEvents()
        self._watched: frozenset[str] = frozenset()

    def look_at(self, execution_ids: Iterable[str]) -> None:
        """Watch these executions and no others."""
        wanted = frozenset(execution_ids)
        with self._lock:
            for execution_id in wanted - self._watched:
                self._readers.setdefault(execution_id, set()).add(self._reader)
            for execution_id in self._watched - wanted:
                readers = self._readers[execution_id]
                readers.discard(self._reader)
                if not readers:
                    del self._readers[execution_id]
        self._watched = wanted

    async def wait(self) -> bool:
        """True once one of them may have new events; False after a second of silence."""
        return await self._reader.wait() is not None

    def close(self) -> None:
        """Watch nothing any more."""
        self.look_at(())
