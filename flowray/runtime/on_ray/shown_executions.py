"""Which executions are shown in Ray's dashboard, each by a call that lasts as long as it does. Makes no calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future


class ShownExecutions:
    """At most ``limit`` at a time. Thread-safe: those who begin, wait and tell of the end are on different loops."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ends: dict[str, Future[None]] = {}

    def admit(self, execution_ids: Iterable[str]) -> list[str]:
        """Those that are to be shown now, and were not. To be called before they start: their end could come first."""
        admitted = []
        for execution_id in execution_ids:
            if len(self._ends) >= self._limit:
                break
            if execution_id not in self._ends:
                self._end_of(execution_id)
                admitted.append(execution_id)
        return admitted

    def forget(self, execution_id: str) -> None:
        """It is not shown after all."""
        self._ends.pop(execution_id, None)

    async def wait(self, execution_id: str) -> None:
        """Return once it has ended; at once if it had before."""
        try:
            await asyncio.wrap_future(self._end_of(execution_id))
        finally:
            self.forget(execution_id)

    def ended(self, execution_id: str) -> None:
        """To be called for every execution, shown or not."""
        end = self._ends.get(execution_id)
        if end is not None and not end.done():
            end.set_result(None)

    def _end_of(self, execution_id: str) -> Future[None]:
        found = self._ends.get(execution_id)
        if found is None:
            end: Future[None] = Future()
            end.set_running_or_notify_cancel()  # Who gives up waiting ends nothing.
            found = self._ends.setdefault(execution_id, end)
        return found
