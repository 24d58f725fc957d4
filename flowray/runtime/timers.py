"""Timers of the executions that this process owns: a heap. Late is possible, early never."""

from __future__ import annotations

import heapq

_SLACK = 1_000
"""How many cancelled timers may lie in the heap besides as many as there are live ones."""


class Timers:
    """Keys are ``(execution id, timer id)``. Setting a timer again moves it; cancelled ones never fire."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str]] = []
        self._due: dict[str, dict[str, int]] = {}
        self._count = 0

    def set(self, execution_id: str, timer_id: str, due_at: int) -> None:
        """Fire at ``due_at`` (ms since the epoch) or later."""
        own = self._due.setdefault(execution_id, {})
        self._count += timer_id not in own
        own[timer_id] = due_at
        heapq.heappush(self._heap, (due_at, execution_id, timer_id))
        if len(self._heap) > 2 * self._count + _SLACK:
            # Most timers are guards that get cancelled long before they are due.
            self._heap = [(at, its_id, name) for its_id, times in self._due.items() for name, at in times.items()]
            heapq.heapify(self._heap)

    def cancel(self, execution_id: str, timer_id: str) -> None:
        """Forget a timer; unknown ones are ignored."""
        own = self._due.get(execution_id)
        if own is not None and own.pop(timer_id, None) is not None:
            self._count -= 1
            if not own:
                del self._due[execution_id]

    def drop(self, execution_id: str) -> None:
        """Forget all timers of an execution."""
        self._count -= len(self._due.pop(execution_id, ()))

    def next_due(self) -> int | None:
        """When the next timer is due, or None."""
        while self._heap and not self._is_set(*self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ms: int) -> list[tuple[str, str]]:
        """Take out every timer that is due, in the order of their times."""
        fired = []
        while (due_at := self.next_due()) is not None and due_at <= now_ms:
            _, execution_id, timer_id = heapq.heappop(self._heap)
            self.cancel(execution_id, timer_id)
            fired.append((execution_id, timer_id))
        return fired

    def _is_set(self, due_at: int, execution_id: str, timer_id: str) -> bool:
        return self._due.get(execution_id, {}).get(timer_id) == due_at
