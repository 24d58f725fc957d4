"""Tells the hub which executions have ended here, many in one call: it may forget their values. Nothing waits for
that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ray.actor import ActorHandle
from ray.exceptions import RayError

from flowray.runtime.on_ray.gathered_calls import GatheredCalls

logger = logging.getLogger(__name__)

GATHER_S = 0.1
"""How long the first waits for others: a call takes as long as three nodes, and executions of a batch end together."""


class Farewells:
    """Thread-safe. Best effort: what the hub is not told of goes by its size."""

    def __init__(self, find_hub: Callable[[], ActorHandle[Any] | None]) -> None:
        self._find_hub = find_hub
        self._calls = GatheredCalls("flowray-farewells", self._tell, GATHER_S)

    def start(self) -> None:
        """Start the thread."""
        self._calls.start()

    def ended(self, execution_id: str) -> None:
        """It is driven here no longer. Returns at once."""
        self._calls.put(execution_id)

    def stop(self) -> None:
        """Tell what is queued, then stop."""
        self._calls.stop()

    def _tell(self, ended: list[str]) -> None:
        hub = self._find_hub()
        if hub is not None:
            try:
                hub.store_drop.remote(ended)
            except RayError as error:
                logger.info("flowray: the hub was not told of %d ended executions (%s)", len(ended), error)
