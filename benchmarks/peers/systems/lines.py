"""What every peer's script has in common: one JSON document per line in, one out. Knows no peer and no flowray;
standard library only, as each script runs in an environment that has nothing but its peer.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """One run: ``executions`` of ``workload`` ("chain" or "fan-out") with ``steps`` steps each, at most ``in_flight``
    of them at once.
    """

    workload: str
    executions: int
    steps: int
    in_flight: int


@dataclass(frozen=True)
class Answer:
    """What a run took, and what there is to check: every execution's output, the step bodies that ran, and the steps
    that the peer's own store holds as done (None where it keeps none).
    """

    seconds: float
    outputs: list[Any]
    steps: int
    recorded: int | None = None


@dataclass
class Counter:
    """Counts the step bodies that really ran; steps may run in threads."""

    value: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self) -> None:
        """One more."""
        with self._lock:
            self.value += 1

    def take(self) -> int:
        """The count so far; starts again at 0."""
        with self._lock:
            taken, self.value = self.value, 0
            return taken


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """How long ago that was."""
        return time.perf_counter() - self._began


FOLDER = Path(os.environ.get("PEER_FOLDER", "."))
"""A scratch folder of this process alone."""

DATABASE_URL = os.environ.get("PEER_DATABASE_URL", "")
"""URL of an empty PostgreSQL database, or "" where the peer is to use its own default."""


def versions(*packages: str) -> dict[str, str]:
    """The installed versions."""
    return {name: importlib.metadata.version(name) for name in packages}


def serve(run: Callable[[Request], Answer], facts: dict[str, Any]) -> None:
    """Say what was set up, then answer requests until standard input ends. Whatever else a peer prints goes to standard
    error, so that it cannot break the protocol.
    """
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(json.dumps({"ready": facts}), file=out)
    for line in sys.stdin:
        try:
            answer = asdict(run(Request(**json.loads(line))))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=out)
