"""Sends an orchestrator's committed events to the token stream, several commits in one call. Nothing waits for it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ray.actor import ActorHandle
from ray.exceptions import RayError

from flowray.engine import events as ev
from flowray.runtime.on_ray.token_stream import PushedBatch

logger = logging.getLogger(__name__)

FindHub = Callable[[], "ActorHandle[Any] | None"]


class Publisher:
    """Best effort by design: readers notice a gap and read the log (R33)."""

    def __init__(self, find_hub: FindHub) -> None:
        self._find_hub = find_hub
        self._queue: queue.SimpleQueue[PushedBatch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="flowray-publisher", daemon=True)

    def start(self) -> None:
        """Start the sending thread."""
        self._thread.start()

    def publish(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        """Send the events of one durable commit. Returns at once."""
        self._queue.put((execution_id, first_seq, ev.encode_events(events)))

    def stop(self) -> None:
        """Send what is queued, then stop."""
        self._queue.put(None)
        self._thread.join(timeout=2)

    def _run(self) -> None:
        going_on = True
        while going_on:
            batches: list[PushedBatch] = []
            item = self._queue.get()
            while item is not None:
                batches.append(item)
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            else:
                going_on = False
            self._send(batches)

    def _send(self, batches: list[PushedBatch]) -> None:
        hub = self._find_hub() if batches else None
        if hub is not None:
            try:
                hub.publish.remote(batches)
            except RayError as error:
                logger.info("flowray: events not relayed (%s); readers will find them in the log", error)
