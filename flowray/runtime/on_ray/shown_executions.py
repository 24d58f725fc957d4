"""Which executions are shown in Ray's dashboard, each by a call that lasts as long as it does. Makes no calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import Future


class ShownExecutions:
    """At most ``limit`` at a time, and only what lasts: showing one costs more than many of them take altogether.

    Thread-safe: those who begin, wait and tell of the end are on different loops.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ends: dict[str, Future[None]] = {}
        self._called: set[str] = set()
        self._lock = threading.Lock()

    def admit(self, execution_ids: Iterable[str]) -> list[str]:
        """Those that may be shown, and were not. To be called before they start: their end could come first."""
        admitted = []
        for execution_id in execution_ids:
            if len(self._ends) >= self._limit:
                break
            if execution_id not in self._ends:
                self._end_of(execution_id)
                admitted.append(execution_id)
        return admitted

    def lasting(self, execution_ids: Iterable[str]) -> list[str]:
        """Those that have not ended yet: each of them is called for now, and its end is waited for."""
        with self._lock:
            found = [execution_id for execution_id in execution_ids if execution_id in self._ends]
            self._called.update(found)
            return found

    def forget(self, execution_id: str) -> None:
        """It is not shown after all."""
        with self._lock:
            self._ends.pop(execution_id, None)
            self._called.discard(execution_id)

    async def wait(self, execution_id: str) -> None:
        """Return once it has ended; at once if it had before."""
        end = self._end_of(execution_id)
        self.lasting([execution_id])
        try:
            await asyncio.wrap_future(end)
        finally:
            self.forget(execution_id)

    def ended(self, execution_id: str) -> None:
        """To be called for every execution, shown or not."""
        with self._lock:
            end = self._ends.get(execution_id)
            if end is None:
                return
            if execution_id not in self._called:
                del self._ends[execution_id]
            elif not end.done():
                end.set_result(None)

    def _end_of(self, execution_id: str) -> Future[None]:
        found = self._ends.get(execution_id)
        if found is None:
            end: Future[None] = Future()
            end.set_running_or_notify_cancel()  # Who gives up waiting ends nothing.
            found = self._ends.setdefault(execution_id, end)
        return found
