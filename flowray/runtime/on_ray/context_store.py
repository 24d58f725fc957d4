"""The context store: large outputs of live executions as Ray objects near the lanes. A cache of the payload store.

It puts the objects itself: whoever puts an object owns it, so they outlive the worker and the orchestrator (R36). It
may die at any time; a lost object is a re-read, never a failure. Role only: see hub.py.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import ray
from ray import ObjectRef

DEFAULT_CAPACITY_BYTES = 512 * 1024 * 1024

LATE_S = 10.0
"""So long after its execution was dropped a value is refused: lanes and orchestrators are processes of their own, so
the last value of an execution may come after the word that it has ended, and nothing would ever remove it.
"""


class ContextStore:
    """One shard. Keeps at most ``capacity_bytes`` of values, least recently read first out."""

    def __init__(
        self, capacity_bytes: int = DEFAULT_CAPACITY_BYTES, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity = capacity_bytes
        self._clock_s = clock_s
        self._dropped: OrderedDict[str, float] = OrderedDict()
        self._objects: OrderedDict[str, tuple[ObjectRef[bytes], int, str]] = OrderedDict()
        self._by_execution: dict[str, set[str]] = {}
        self._bytes = 0
        self._hits = 0
        self._misses = 0
        self._puts = 0

    def put(self, execution_id: str, payload_id: str, data: bytes) -> None:
        """Keep a value. Repeating it changes nothing."""
        if payload_id in self._objects or self._clock_s() - self._dropped.get(execution_id, -LATE_S) < LATE_S:
            return
        self._objects[payload_id] = (ray.put(data), len(data), execution_id)
        self._by_execution.setdefault(execution_id, set()).add(payload_id)
        self._bytes += len(data)
        self._puts += 1
        while self._bytes > self._capacity and len(self._objects) > 1:
            self._remove(next(iter(self._objects)))

    def refs(self, payload_ids: Sequence[str]) -> list[ObjectRef[bytes] | None]:
        """References to the values that are here, None for the others."""
        found: list[ObjectRef[bytes] | None] = []
        for payload_id in payload_ids:
            entry = self._objects.get(payload_id)
            if entry is None:
                self._misses += 1
                found.append(None)
            else:
                self._hits += 1
                self._objects.move_to_end(payload_id)
                found.append(entry[0])
        return found

    def prune(self, payload_ids: Sequence[str]) -> None:
        """Nobody who is still to run reads these."""
        for payload_id in payload_ids:
            self._remove(payload_id)

    def drop(self, execution_ids: Sequence[str]) -> None:
        """These executions have ended."""
        now = self._clock_s()
        while self._dropped and now - next(iter(self._dropped.values())) >= LATE_S:
            self._dropped.popitem(last=False)
        for execution_id in execution_ids:
            self._dropped[execution_id] = now
            self._dropped.move_to_end(execution_id)
            for payload_id in list(self._by_execution.get(execution_id, ())):
                self._remove(payload_id)

    def statistics(self) -> dict[str, int]:
        """``{values, bytes}`` held now, ``{puts, hits, misses}`` since the start."""
        return {
            "values": len(self._objects),
            "bytes": self._bytes,
            "puts": self._puts,
            "hits": self._hits,
            "misses": self._misses,
        }

    def _remove(self, payload_id: str) -> None:
        entry = self._objects.pop(payload_id, None)
        if entry is None:
            return
        _, size, execution_id = entry
        self._bytes -= size
        siblings = self._by_execution.get(execution_id)
        if siblings is not None:
            siblings.discard(payload_id)
            if not siblings:
                del self._by_execution[execution_id]
