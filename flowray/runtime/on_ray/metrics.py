"""Metrics in Ray's own registry, so that they appear beside Ray's on its metrics port. Once per process.

What happens for every node is only noted, and told to Ray by a thread of its own: telling it takes longer than noting a
hundred times, and lets go of the interpreter, which the thread that drives all executions would then have to wait for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter as Counts
from collections import deque
from functools import lru_cache
from typing import TypeVar

from ray.util.metrics import Counter, Gauge, Histogram

logger = logging.getLogger(__name__)

T = TypeVar("T")

NODE_SECONDS_BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0]

TELL_EVERY_S = 1.0
"""Ray itself hands them on every few seconds."""


class Metrics:
    """flowray's counters, histogram and gauge. Tags are kinds and statuses, never ids. Thread-safe."""

    def __init__(self) -> None:
        self._executions = Counter(
            "flowray_executions", description="Executions that ended, by status.", tag_keys=("status",)
        )
        self._nodes = Counter(
            "flowray_nodes", description="Node attempts started, by type and lane.", tag_keys=("type", "lane")
        )
        self._seconds = Histogram(
            "flowray_node_seconds",
            description="Duration of completed node attempts in seconds.",
            boundaries=NODE_SECONDS_BOUNDARIES,
        )
        self._tokens = Counter(
            "flowray_llm_tokens", description="Tokens of language models, by direction.", tag_keys=("kind",)
        )
        self._active = Gauge("flowray_active_executions", description="Executions driven by this orchestrator.")
        self._ended: deque[str] = deque()
        self._started: deque[tuple[str, str]] = deque()
        self._took: deque[float] = deque()
        self._driven: deque[int] = deque(maxlen=1)
        threading.Thread(target=self._tell_forever, name="flowray-metrics", daemon=True).start()

    def execution_ended(self, status: str) -> None:
        """One execution reached a terminal status."""
        self._ended.append(status)

    def node_started(self, node_type: str, lane: str) -> None:
        """One attempt was dispatched."""
        self._started.append((node_type, lane))

    def node_ended(self, seconds: float) -> None:
        """One attempt completed after ``seconds``."""
        self._took.append(seconds)

    def tokens(self, input_tokens: int, output_tokens: int) -> None:
        """A language model was used."""
        if input_tokens > 0:
            self._tokens.inc(input_tokens, tags={"kind": "input"})
        if output_tokens > 0:
            self._tokens.inc(output_tokens, tags={"kind": "output"})

    def active(self, executions: int) -> None:
        """How many executions this process drives now."""
        self._driven.append(executions)

    def tell(self) -> None:
        """Tell Ray what was noted since."""
        for status, count in _taken(self._ended).items():
            self._executions.inc(count, tags={"status": status})
        for (node_type, lane), count in _taken(self._started).items():
            self._nodes.inc(count, tags={"type": node_type, "lane": lane})
        for seconds in _taken(self._took).elements():
            self._seconds.observe(max(seconds, 0.0))
        if self._driven:
            self._active.set(self._driven.pop())

    def _tell_forever(self) -> None:
        while True:
            time.sleep(TELL_EVERY_S)
            try:
                self.tell()
            except Exception:
                logger.exception("flowray: metrics were lost")


def _taken(noted: deque[T]) -> Counts[T]:
    """What was noted up to now, counted; gone from there."""
    return Counts(noted.popleft() for _ in range(len(noted)))


@lru_cache(maxsize=1)
def metrics() -> Metrics:
    """This process's metrics; Ray wants each metric created once per process."""
    return Metrics()
