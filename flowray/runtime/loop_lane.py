"""A lane on an event loop in a thread: all lanes of a local run."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

from flowray.handlers.node_task import NodeTask
from flowray.runtime.dispatch_lease import DispatchLease
from flowray.runtime.lane import Lane, Report

logger = logging.getLogger(__name__)

CLOSE_S = 10.0
"""How long handlers may take to let go when the lane is closed."""


class LoopLane:
    """Hosts one Lane; ``deliver`` is called on the loop's thread with each report. All methods are thread-safe."""

    def __init__(self, owner_id: str, lane: Lane, deliver: Callable[[Report], None], name: str) -> None:
        self._owner_id = owner_id
        self._lane = lane
        self._deliver = deliver
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._calls: set[asyncio.Task[int]] = set()
        self._closed = False

    def start(self) -> None:
        """Start the thread and begin to deliver."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._collect(), self._loop)

    def run(self, tasks: Sequence[NodeTask], lease: DispatchLease | None = None) -> None:
        """Run attempts; returns at once. ``lease``: their owner's, if a former one may still give attempts (R23)."""
        self.soon(self._begin, tasks, lease)

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        """Cancel one attempt if it runs here, or was just given to it."""
        self.soon(self._lane.stop, execution_id, instance, attempt, self._owner_id, incarnation)

    def drop(self, execution_id: str) -> None:
        """Cancel whatever of an execution still runs here."""
        self.soon(self._lane.drop, execution_id)

    def close(self) -> None:
        """Cancel everything and stop the thread. Safe to call again; what is asked of the lane later is ignored."""
        if self._closed:
            return
        self._closed = True
        if self._thread.is_alive():
            try:
                asyncio.run_coroutine_threadsafe(_finish(self._lane), self._loop).result(timeout=CLOSE_S)
            except TimeoutError:
                logger.warning("flowray: blocking code still runs in %s; it is left behind", self._thread.name)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()

    def soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Call on the lane's own thread; returns at once. Ignored after ``close``."""
        if not self._closed:
            self._loop.call_soon_threadsafe(function, *arguments)

    def _begin(self, tasks: Sequence[NodeTask], lease: DispatchLease | None) -> None:
        running = self._loop.create_task(self._lane.run(self._owner_id, tasks, lease))
        self._calls.add(running)
        running.add_done_callback(self._calls.discard)

    async def _collect(self) -> None:
        while True:
            async for report in self._lane.reports(self._owner_id):
                try:
                    self._deliver(report)
                except Exception:
                    logger.exception("flowray: a report of %s was not taken", self._thread.name)


async def _finish(lane: Lane) -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await lane.close()
    await asyncio.get_running_loop().shutdown_default_executor()
