"""A lane: has many attempts performed at once on one event loop and reports in micro-batches. A plain class (R48).

Results and tokens of all attempts of one owner share one outgoing queue, so that small items travel together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from flowray.engine import stimuli as st
from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.handlers.node_task import NodeTask
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.dispatch_lease import DispatchLease, StaleGuard
from flowray.runtime.held_attempts import Adoption, HeldAttempt, HeldAttempts, Key
from flowray.runtime.performers import Performer

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
    """Runs attempts for any number of owners. All methods must run on one event loop.

    ``flush_s``: how long a result waits for company while others run.
    """

    def __init__(
        self,
        performer: Performer,
        now_ms: Callable[[], int],
        results_kept: int = 0,
        guard: StaleGuard | None = None,
        flush_s: float = FLUSH_S,
    ) -> None:
        self._performer = performer
        self._now_ms = now_ms
        self._held = HeldAttempts(results_kept)
        self._guard = guard
        self._flush_s = flush_s
        self._outgoing: dict[str, _Outgoing] = {}

    async def run(self, owner_id: str, tasks: Sequence[NodeTask], lease: DispatchLease | None = None) -> int:
        """Run attempts side by side; returns their number when all have ended. Results go to ``reports(owner_id)``.

        ``lease`` is that of the owner: attempts of one that has lost it do not begin (R23).
        """
        if len(tasks) == 1:
            await self._run_one(owner_id, tasks[0], lease)
        else:
            await asyncio.gather(*(self._run_one(owner_id, task, lease) for task in tasks))
        return len(tasks)

    async def _run_one(self, owner_id: str, task: NodeTask, lease: DispatchLease | None) -> None:
        if self._guard is not None and await self._guard.is_stale(task, lease):
            self._refuse(owner_id, task)
            return
        held = self._held.begin(owner_id, task)
        if held is None:
            return

        emit = _Saying(held, self._say)
        reached(CrashPoint.ATTEMPT_BEGUN)
        try:
            result = await self._performer.perform(task, emit, held.cancellation)
        except Exception as error:
            logger.exception("flowray: an attempt of a %s node broke its lane", task.node_type)
            result = self._broken(task, error)
        except BaseException:
            held.cancellation.cancel()  # The lane is closing: nobody may adopt what will never have a result.
            raise
        finally:
            self._held.end(held, self._now_ms())
        reached(CrashPoint.ATTEMPT_DONE)
        emit(result)

    def _say(self, held: HeldAttempt, stimulus: st.AnyStimulus) -> None:
        self._queue(held.owner_id).items.put_nowait((held.task.execution_id, held.signed(stimulus)))

    def _refuse(self, owner_id: str, task: NodeTask) -> None:
        logger.warning("flowray: an attempt of a %s node comes from a former owner and does not begin", task.node_type)
        lost = st.AttemptLost(
            ts=self._now_ms(), instance=task.instance, attempt=task.attempt,
            reason="its owner's lease had ended when it was to begin", incarnation=task.incarnation,
        )  # fmt: skip
        self._queue(owner_id).items.put_nowait((task.execution_id, lost))

    def _broken(self, task: NodeTask, error: Exception) -> st.AttemptFailed:
        """The failure of an attempt that could not even begin: without it the node would run for ever."""
        message = f"the lane could not run this {task.node_type} node: {type(error).__name__}: {error}"
        failure = NodeError(message=message, code=ErrorCode.INTERNAL.value, node_id=task.node_id, attempt=task.attempt)
        return st.AttemptFailed(ts=self._now_ms(), instance=task.instance, attempt=task.attempt, error=failure)

    def stop(
        self, execution_id: str, instance: str, attempt: int, owner_id: str | None = None, incarnation: int = 0
    ) -> bool:
        """Cancel one attempt. True if it was running here. ``owner_id``: only if it is (still) that owner's.

        With the ``incarnation`` of its dispatch, a stop that arrives first is remembered, and the attempt never begins.
        """
        return self._held.stop((execution_id, instance, attempt), owner_id, incarnation)

    def drop(self, execution_id: str) -> None:
        """The execution has ended: cancel whatever of it still runs here."""
        self._held.drop(execution_id)

    def adopt(self, owner_id: str, adoptions: Sequence[Adoption]) -> list[Key]:
        """A new owner has taken executions over: which of the attempts that it wants are held here. What they say
        waits for ``deliver``; all else of these executions is cancelled, and former owners are refused (R38).
        """
        adopted: list[Key] = []
        for adoption in adoptions:
            if self._guard is not None:
                self._guard.note(adoption.execution_id, adoption.epoch)
            adopted.extend(self._held.adopt(owner_id, adoption))
        return adopted

    def deliver(self, owner_id: str, execution_ids: Sequence[str]) -> None:
        """The owner is ready to hear what it has adopted: all that was said so far, then the rest as it comes."""
        for execution_id in execution_ids:
            for held in self._held.unmute(owner_id, execution_id):
                for stimulus in held.said():
                    self._say(held, stimulus)

    async def reports(self, owner_id: str) -> AsyncIterator[Report]:
        """Stimuli of this owner's attempts, in micro-batches: what comes within the time to flush leaves together."""
        outgoing = self._queue(owner_id)
        outgoing.readers += 1
        try:
            for _ in range(REPORTS_PER_STREAM):
                report = [await outgoing.items.get()]
                if self._flush_s:
                    await asyncio.sleep(self._flush_s if outgoing.items.empty() and self._more_expected() else 0)
                while not outgoing.items.empty():
                    report.append(outgoing.items.get_nowait())
                yield report
        finally:
            outgoing.readers -= 1
            outgoing.left_at = self._now_ms()

    async def close(self) -> None:
        """Nothing may run here any more."""
        await self._performer.close()

    def in_flight(self) -> int:
        """How many attempts run here now."""
        return len(self._held)

    def is_quiet(self) -> bool:
        """Nothing runs here, and nothing waits to be reported to an owner that listens."""
        return not len(self._held) and all(
            outgoing.items.empty() for outgoing in self._outgoing.values() if outgoing.readers
        )

    def _more_expected(self) -> bool:
        return len(self._held) > 1

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


class _Saying:
    """What one attempt says: that it has started together with what follows, if that comes soon (R37)."""

    def __init__(self, held: HeldAttempt, say: Callable[[HeldAttempt, st.AnyStimulus], None]) -> None:
        self._held = held
        self._say = say
        self._start: st.AttemptStarted | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._owner = held.owner_id, held.incarnation

    def __call__(self, stimulus: st.AnyStimulus) -> None:
        if self._held.cancellation.is_cancelled:
            return
        self._held.note(stimulus)
        if isinstance(stimulus, st.AttemptStarted):
            self._start = stimulus
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._say_start)
            return
        self._say_start()
        if not self._held.muted:
            self._say(self._held, stimulus)

    def _say_start(self) -> None:
        """Once; a new owner hears it with all else that was said so far."""
        start, self._start = self._start, None
        if self._timer is not None:
            self._timer.cancel()
        held = self._held
        is_same = (held.owner_id, held.incarnation) == self._owner
        if start is not None and is_same and not held.cancellation.is_cancelled:
            self._say(held, start)


class _Outgoing:
    """What waits to be reported to one owner, and who listens."""

    def __init__(self, now_ms: int) -> None:
        self.items: asyncio.Queue[tuple[str, st.AnyStimulus]] = asyncio.Queue()
        self.readers = 0
        self.left_at = now_ms
