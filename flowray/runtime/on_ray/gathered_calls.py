"""Hands items to a function on a thread of its own, all that have gathered in one call. Nothing waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LET_GO_S = 2.0


class GatheredCalls(Generic[T]):
    """Thread-safe. ``gather_s``: how long the first item of a call waits for others. ``call`` raises nothing."""

    def __init__(self, name: str, call: Callable[[list[T]], None], gather_s: float = 0.0) -> None:
        self._call = call
        self._gather_s = gather_s
        self._queue: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, item: T) -> None:
        """Returns at once."""
        self._queue.put(item)

    def stop(self) -> None:
        """Hand over what is queued, then stop."""
        self._queue.put(None)
        self._thread.join(timeout=LET_GO_S)

    def _run(self) -> None:
        item = self._queue.get()
        while item is not None:
            if self._gather_s:
                time.sleep(self._gather_s)
            gathered = [item]
            # Only this thread takes from the queue: what is not empty has an item.
            while not self._queue.empty() and (item := self._queue.get()) is not None:
                gathered.append(item)
            self._call(gathered)
            if item is not None:
                item = self._queue.get()
