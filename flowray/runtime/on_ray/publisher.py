"""Hands an orchestrator's committed events to a token stream, here or in the hub. Nothing waits for it.

Best effort by design: readers notice a gap and read the log (R33).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ray.actor import ActorHandle
from ray.exceptions import RayError

from flowray.engine import events as ev
from flowray.runtime.on_ray.gathered_calls import GatheredCalls
from flowray.runtime.on_ray.token_stream import PushedBatch, TokenStream

logger = logging.getLogger(__name__)

FindHub = Callable[[], "ActorHandle[Any] | None"]


class Publisher(Protocol):
    """Thread-safe."""

    def start(self) -> None:
        """Begin."""
        ...

    def publish(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        """Send the events of one durable commit. Returns at once."""
        ...

    def stop(self) -> None:
        """Send what is queued, then stop."""
        ...


class OwnStream:
    """Publishes to a token stream in this process."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream

    def start(self) -> None:
        """There is no thread."""

    def publish(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        """Nothing is even encoded while nobody listens."""
        if self._stream.is_heard:
            self._stream.publish_from_thread((execution_id, first_seq, ev.encode_events(events)))

    def stop(self) -> None:
        """Nothing is queued here."""


class HubStream:
    """Publishes to the hub's token stream, several commits in one call."""

    def __init__(self, find_hub: FindHub) -> None:
        self._find_hub = find_hub
        self._calls = GatheredCalls("flowray-publisher", self._send)

    def start(self) -> None:
        """Start the sending thread."""
        self._calls.start()

    def publish(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        """Send the events of one durable commit. Returns at once."""
        self._calls.put((execution_id, first_seq, ev.encode_events(events)))

    def stop(self) -> None:
        """Send what is queued, then stop."""
        self._calls.stop()

    def _send(self, batches: list[PushedBatch]) -> None:
        hub = self._find_hub()
        if hub is not None:
            try:
                hub.publish.remote(batches)
            except RayError as error:
                logger.info("flowray: events not relayed (%s); readers will find them in the log", error)
