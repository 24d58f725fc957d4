"""Tells the hub which executions have ended here, many in one call: it may forget their values. Nothing waits for
that.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from ray.actor import ActorHandle
from ray.exceptions import RayError

logger = logging.getLogger(__name__)

GATHER_S = 0.1
"""How long the first waits for others: a call takes as long as three nodes, and executions of a batch end together."""


class Farewells:
    """Thread-safe. Best effort: what the hub is not told of goes by its size."""

    def __init__(self, find_hub: Callable[[], ActorHandle[Any] | None]) -> None:
        self._find_hub = find_hub
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="flowray-farewells", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ended(self, execution_id: str) -> None:
        """It is driven here no longer. Returns at once."""
        self._queue.put(execution_id)

    def stop(self) -> None:
        """Tell what is queued, then stop."""
        self._queue.put(None)
        self._thread.join(timeout=2)

    def _run(self) -> None:
        going_on = True
        while going_on:
            first = self._queue.get()
            if first is None:
                return
            time.sleep(GATHER_S)
            ended = [first]
            while going_on and not self._queue.empty():
                another = self._queue.get()
                if another is None:
                    going_on = False
                else:
                    ended.append(another)
            self._tell(ended)

    def _tell(self, ended: list[str]) -> None:
        hub = self._find_hub()
        if hub is not None:
            try:
                hub.store_drop.remote(ended)
            except RayError as error:
                logger.info("flowray: the hub was not told of %d ended executions (%s)", len(ended), error)
