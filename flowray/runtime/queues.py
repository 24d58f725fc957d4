"""What an owner knows of queues: which have limits, whether a slot has come free, and when the next delay ends.

Only hints, as of the last look: who may run is decided by the claim, and a lost hint is made up for by the sweep (R43).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.queues.admission import ALL, line_of, takes_slot
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.records.queues import QueueId
from flowray.persistence.stores import Reader


class QueueWatch:
    """Thread-safe. One thread waits in ``nudges``; any may tell it something."""

    def __init__(self, reader: Reader, now_ms: Callable[[], int]) -> None:
        self._reader = reader
        self._now_ms = now_ms
        self._limited: frozenset[QueueId] = frozenset()
        self._lock = threading.Lock()
        self._heard = threading.Event()
        self._slot_is_free = False
        self._due_at: int | None = None

    def look(self) -> None:
        """Read anew which queues have limits and what is due next. Raises FlowrayError DATABASE_UNAVAILABLE."""
        limited, due_at = frozenset(self._reader.queues.limited()), self._reader.queues.next_wake()
        with self._lock:
            self._limited, self._due_at = limited, due_at

    def is_limited(self, record: ExecutionRecord) -> bool:
        """Somebody may be waiting for the slot that this execution holds."""
        return takes_slot(record) and (ALL in self._limited or line_of(record).queue_id in self._limited)

    def left_waiting(self, record: ExecutionRecord) -> None:
        """A new execution was not let run."""
        with self._lock:
            if record.status == ExecutionStatus.DELAYED:
                self._due_at = min(record.not_before or 0, self._due_at or record.not_before or 0)
            else:
                self._limited |= {line_of(record).queue_id}
        self._heard.set()

    def gone(self, record: ExecutionRecord) -> None:
        """An execution is no longer driven here."""
        if self.is_limited(record):
            self._slot_is_free = True
            self._heard.set()

    def wake(self) -> None:
        """End the wait of ``nudges``, as when the owner stops."""
        self._slot_is_free = True
        self._heard.set()

    def nudges(self, seconds: float) -> Iterator[bool]:
        """For ``seconds``: each time that something may be claimed, whether it is because its time has come."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._heard.wait(min(left, self._due_in_s()))
            self._heard.clear()
            slot_is_free, self._slot_is_free = self._slot_is_free, False
            is_due = self._take_due()
            if slot_is_free or is_due:
                yield is_due

    def _due_in_s(self) -> float:
        due_at = self._due_at
        return threading.TIMEOUT_MAX if due_at is None else max(due_at - self._now_ms(), 0) / 1_000

    def _take_due(self) -> bool:
        """Whether the next time has come. It counts once: by the database's clock it may be a little early."""
        with self._lock:
            is_due = self._due_at is not None and self._due_at <= self._now_ms()
            self._due_at = None if is_due else self._due_at
        return is_due
