"""The io lane: runs many attempts at once on one event loop and reports in micro-batches. A plain class (R48).

Results and tokens of all attempts of one owner share one outgoing queue, so that small items travel together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from flowray.engine import stimuli as st
from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.handlers.attempt import run_attempt
from flowray.handlers.handler import Cancellation
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.runtime.crash_points import CrashPoint, reached

logger = logging.getLogger(__name__)

FLUSH_S = 0.002
"""How long a result may wait for company before it leaves (R37)."""

REPORTS_PER_STREAM = 5_000
"""Micro-batches per result stream before it ends and the owner opens the next: no stream grows without bound."""

ABSENT_OWNER_MS = 60_000
"""How long results are kept for an owner that does not listen: six leases, after which it owns nothing any more."""

Report = list[tuple[str, st.AnyStimulus]]
"""``(execution id, stimulus)`` in the order in which they happened."""


class Lane:
    """Runs attempts for any number of owners. All methods must run on one event loop."""

    def __init__(self, registry: NodeRegistry, services: Services, now_ms: Callable[[], int]) -> None:
        self._registry = registry
        self._services = services
        self._now_ms = now_ms
        self._running: dict[tuple[str, str, int], Cancellation] = {}
        self._outgoing: dict[str, _Outgoing] = {}

    async def run(self, owner_id: str, tasks: Sequence[NodeTask]) -> int:
        """Run attempts side by side; returns their number when all have ended. Results go to ``reports(owner_id)``."""
        await asyncio.gather(*(self._run_one(owner_id, task) for task in tasks))
        return len(tasks)

    async def _run_one(self, owner_id: str, task: NodeTask) -> None:
        outgoing = self._queue(owner_id)
        cancellation = Cancellation()
        key = (task.execution_id, task.instance, task.attempt)
        self._running[key] = cancellation

        def emit(stimulus: Any) -> None:
            if not cancellation.is_cancelled:
                outgoing.items.put_nowait((task.execution_id, signed(task, stimulus)))

        reached(CrashPoint.ATTEMPT_BEGUN)
        try:
            result = await run_attempt(
                task, registry=self._registry, services=self._services, emit=emit, cancellation=cancellation,
                now_ms=self._now_ms,
            )  # fmt: skip
        except Exception as error:
            logger.exception("flowray: an attempt of a %s node broke its lane", task.node_type)
            result = self._broken(task, error)
        finally:
            if self._running.get(key) is cancellation:
                del self._running[key]
        reached(CrashPoint.ATTEMPT_DONE)
        emit(result)

    def _broken(self, task: NodeTask, error: Exception) -> st.AttemptFailed:
        """The failure of an attempt that could not even begin: without it the node would run for ever."""
        message = f"the lane could not run this {task.node_type} node: {type(error).__name__}: {error}"
        failure = NodeError(message=message, code=ErrorCode.INTERNAL.value, node_id=task.node_id, attempt=task.attempt)
        return st.AttemptFailed(ts=self._now_ms(), instance=task.instance, attempt=task.attempt, error=failure)

    def stop(self, execution_id: str, instance: str, attempt: int) -> bool:
        """Cancel one attempt. True if it was running here."""
        cancellation = self._running.get((execution_id, instance, attempt))
        if cancellation is None:
            return False
        cancellation.cancel()
        return True

    def drop(self, execution_id: str) -> None:
        """The execution has ended: cancel whatever of it still runs here."""
        for key, cancellation in list(self._running.items()):
            if key[0] == execution_id:
                cancellation.cancel()

    async def reports(self, owner_id: str) -> AsyncIterator[Report]:
        """Stimuli of this owner's attempts, in micro-batches: what comes within ``FLUSH_S`` leaves together."""
        outgoing = self._queue(owner_id)
        outgoing.readers += 1
        try:
            for _ in range(REPORTS_PER_STREAM):
                report = [await outgoing.items.get()]
                await asyncio.sleep(FLUSH_S if outgoing.items.empty() and self._more_expected() else 0)
                while not outgoing.items.empty():
                    report.append(outgoing.items.get_nowait())
                yield report
        finally:
            outgoing.readers -= 1
            outgoing.left_at = self._now_ms()

    async def close(self) -> None:
        """Close the connections and processes that its handlers used. Nothing may run here any more."""
        await self._services.close()

    def in_flight(self) -> int:
        """How many attempts run here now."""
        return len(self._running)

    def _more_expected(self) -> bool:
        return len(self._running) > 1

    def _queue(self, owner_id: str) -> _Outgoing:
        found = self._outgoing.get(owner_id)
        if found is None:
            self._forget_absent_owners()
            found = self._outgoing[owner_id] = _Outgoing(self._now_ms())
        return found

    def _forget_absent_owners(self) -> None:
        """Whoever has not listened for so long is dead: another owner runs its attempts again (R38)."""
        latest = self._now_ms() - ABSENT_OWNER_MS
        for owner_id, outgoing in list(self._outgoing.items()):
            if not outgoing.readers and outgoing.left_at < latest:
                del self._outgoing[owner_id]


def signed(task: NodeTask, stimulus: st.AnyStimulus) -> st.AnyStimulus:
    """What an attempt reports, with the incarnation that it ran for."""
    return msgspec.structs.replace(stimulus, incarnation=task.incarnation)


class _Outgoing:
    """What waits to be reported to one owner, and who listens."""

    def __init__(self, now_ms: int) -> None:
        self.items: asyncio.Queue[tuple[str, st.AnyStimulus]] = asyncio.Queue()
        self.readers = 0
        self.left_at = now_ms
