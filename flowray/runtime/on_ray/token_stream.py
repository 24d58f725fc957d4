"""The token stream: relays committed events to Serve replicas. It only wakes and relays; the log is the truth (R33).

A batch that is lost here is a gap that the reader notices and fills from the log. Role only; see hub.py.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import sleep
from collections import deque
from collections.abc import AsyncIterator

PushedBatch = tuple[str, int, bytes]
"""``(execution id, first seq, JSON array of events)``."""

QUEUE_LIMIT = 10_000
"""Batches a subscriber may lag behind before the oldest are dropped: it will read them from the log."""

PACE_S = 0.004
"""How soon one item may follow another."""

RECYCLE_AFTER = 5_000
"""Items per subscription before it ends and the replica subscribes anew, so that no stream grows without bound."""


class TokenStream:
    """One queue per subscribing replica. All methods must run on one event loop, but ``publish_from_thread``."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: dict[str, asyncio.Queue[PushedBatch | None]] = {}
        self._given: deque[PushedBatch] = deque()
        self._is_woken = False
        self._relayed = 0
        self._dropped = 0

    @property
    def is_heard(self) -> bool:
        """Whether there is any subscriber (a moment's view, from any thread)."""
        return bool(self._queues)

    def publish_from_thread(self, batch: PushedBatch) -> None:
        """``publish`` from another thread, in order; does nothing before the first subscription.

        To wake a loop is a call of the system: only the first of those that come together does.
        """
        if self._loop is None:
            return
        self._given.append(batch)
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._publish_given)

    def _publish_given(self) -> None:
        self._is_woken = False  # First: what comes from now on, wakes again.
        self.publish([self._given.popleft() for _ in range(len(self._given))])

    def publish(self, batches: list[PushedBatch]) -> None:
        """Relay batches to every subscriber."""
        self._relayed += len(batches)
        for subscriber in self._queues.values():
            for batch in batches:
                if subscriber.qsize() >= QUEUE_LIMIT:
                    subscriber.get_nowait()
                    self._dropped += 1
                subscriber.put_nowait(batch)

    async def subscribe(self, subscriber_id: str) -> AsyncIterator[list[PushedBatch]]:
        """Batches as they come, several at a time when they come fast. A new subscription ends the former one."""
        self._loop = asyncio.get_running_loop()
        former = self._queues.get(subscriber_id)
        if former is not None:
            former.put_nowait(None)
        queue: asyncio.Queue[PushedBatch | None] = asyncio.Queue()
        self._queues[subscriber_id] = queue
        try:
            yield []
            left_at = -math.inf
            for _ in range(RECYCLE_AFTER):
                batch = await queue.get()
                # What comes after a silence leaves at once. Each item costs both sides as much as fifty batches in it.
                early_s = left_at + PACE_S - self._loop.time()
                if early_s > 0 and batch is not None:
                    await sleep(early_s)
                gathered = [] if batch is None else [batch]
                while batch is not None and not queue.empty():
                    batch = queue.get_nowait()
                    if batch is not None:
                        gathered.append(batch)
                if gathered:
                    left_at = self._loop.time()
                    yield gathered
                if batch is None:
                    return
        finally:
            if self._queues.get(subscriber_id) is queue:
                del self._queues[subscriber_id]

    def statistics(self) -> dict[str, int]:
        """``{subscribers, relayed, dropped}`` in batches since the start."""
        return {"subscribers": len(self._queues), "relayed": self._relayed, "dropped": self._dropped}
