"""The one place that calls ``ray.wait``: a thread that collects results of lanes and tasks for an orchestrator (R37).

It waits on one result stream per lane and one reference per task, so its cost does not grow with the number of nodes
in flight. It blocks, which an event loop must not; hence the thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import ray
from ray import ObjectRef, ObjectRefGenerator

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""How long a new reference may wait to be noticed if nothing else wakes the thread."""

Waitable: TypeAlias = "ObjectRef[Any] | ObjectRefGenerator[Any]"
OnReady = Callable[[Any, BaseException | None], bool]
"""``(value, error) -> keep waiting``. For a stream, called per item; its end is a StopIteration error."""


class Collector:
    """Calls back, on its own thread, as references become ready. ``watch`` is thread-safe."""

    def __init__(self) -> None:
        self._waitables: dict[Waitable, OnReady] = {}
        self._added: list[tuple[Waitable, OnReady]] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._something = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flowray-collector", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; what is still pending is forgotten."""
        self._stopped.set()
        self._something.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=2)

    def watch(self, waitable: Waitable, on_ready: OnReady) -> None:
        """Call ``on_ready`` when ``waitable`` has a result or failed."""
        with self._lock:
            self._added.append((waitable, on_ready))
        self._something.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                self._waitables.update(self._added)
                self._added.clear()
            if not self._waitables:
                self._something.wait(POLL_S)
                self._something.clear()
                continue
            try:
                self._collect()
            except Exception:
                logger.exception("flowray collector: a round failed")

    def _collect(self) -> None:
        waitables = list(self._waitables)
        ready, _ = ray.wait(waitables, num_returns=1, timeout=POLL_S)
        if ready:
            # One more look without waiting: take everything else that is ready in the same round.
            ready, _ = ray.wait(waitables, num_returns=len(waitables), timeout=0)
        for waitable in ready:
            on_ready = self._waitables[waitable]
            value, error = self._take(waitable)
            if not on_ready(value, error) or not isinstance(waitable, ObjectRefGenerator) or error is not None:
                self._waitables.pop(waitable, None)

    @staticmethod
    def _take(waitable: Waitable) -> tuple[Any, BaseException | None]:
        try:
            reference = next(waitable) if isinstance(waitable, ObjectRefGenerator) else waitable
            return ray.get(reference), None
        except StopIteration as end:
            return None, end
        except Exception as error:
            return None, error
