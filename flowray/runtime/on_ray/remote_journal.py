"""A journal for processes that must not write: sends its writes to the one that does (R26)."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray import ObjectRef
from ray.actor import ActorHandle
from ray.exceptions import GetTimeoutError, RayActorError

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.writes import AnyResult, AnyWrite, decode_results, encode_writes

logger = logging.getLogger(__name__)

CALL_TIMEOUT_S = 10.0
GIVE_UP_AFTER_S = 60.0

Done = Callable[[list[AnyResult] | None, Exception | None], None]


class RemoteJournal:
    """A Journal whose transactions happen in another process. Every write may be repeated, so a lost answer is too."""

    def __init__(self, writer: ActorHandle[Any]) -> None:
        self._writer = writer
        self._queue: queue.SimpleQueue[tuple[bytes, ObjectRef[bytes], Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver, name="flowray-remote-journal", daemon=True)
        self._thread.start()

    def submit(self, writes: Sequence[AnyWrite], done: Done) -> None:
        """Send the writes; ``done`` is called in the order of submission once they are durable."""
        data = encode_writes(list(writes))
        self._queue.put((data, self._writer.commit.remote(data), done))

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """Send the writes and wait. Raises FlowrayError DATABASE_UNAVAILABLE after a minute of trying."""
        answered = threading.Event()
        outcome: list[Any] = [None, None]

        def done(results: list[AnyResult] | None, error: Exception | None) -> None:
            outcome[:] = [results, error]
            answered.set()

        self.submit(writes, done)
        answered.wait()
        if outcome[1] is not None:
            raise outcome[1]
        results: list[AnyResult] = outcome[0]
        return results

    def close(self) -> None:
        """Deliver what was sent, then stop."""
        self._queue.put(None)
        self._thread.join(timeout=GIVE_UP_AFTER_S)

    def _deliver(self) -> None:
        while (item := self._queue.get()) is not None:
            data, reference, done = item
            try:
                done(decode_results(self._await(data, reference)), None)
            except Exception as error:
                done(None, error)

    def _await(self, data: bytes, reference: ObjectRef[bytes]) -> bytes:
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        while True:
            try:
                answer: bytes = ray.get(reference, timeout=CALL_TIMEOUT_S)
                return answer
            except (RayActorError, GetTimeoutError) as error:
                if time.monotonic() > deadline:
                    raise FlowrayError(
                        ErrorCode.DATABASE_UNAVAILABLE, "The journal process does not answer", retryable=True
                    ) from error
                logger.warning("flowray: the journal is away (%s), trying again", type(error).__name__)
                time.sleep(0.2)
                reference = self._writer.commit.remote(data)
