"""The way of attempts from a driver to its executor: what only computes is carried out between two commits, all else is
dispatched behind them. Which attempts there are, and what becomes of their results, is the driver's business.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.executor import Executor, Limits
from flowray.runtime.held_attempts import Key
from flowray.runtime.start_watch import StartWatch
from flowray.runtime.timers import Timers

logger = logging.getLogger(__name__)

SLICE_S = 0.005
"""How long attempts are carried out before what they led to is committed, and others have their turn (R21)."""

QUANTUM = 32
"""Attempts of one execution before the next one has its turn: what an execution does in one go is one commit of its."""

Take = Callable[[str, Sequence[st.AnyStimulus]], None]
"""Steps an execution; what that leads to may come back to ``Dispatching.add``."""


class Dispatching:
    """Attempts on their way. Belongs to the thread of a driver, whose timers it uses.

    ``is_wanted``: False once an attempt's execution has decided otherwise. ``may_dispatch``: whether the lease holds.
    """

    def __init__(
        self,
        timers: Timers,
        now_ms: Callable[[], int],
        is_wanted: Callable[[NodeTask], bool],
        may_dispatch: Callable[[], bool],
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.starts = StartWatch(timers, now_ms)
        self.executor: Executor | None = None
        self.limits: Limits | None = None
        self._is_wanted = is_wanted
        self._may_dispatch = may_dispatch
        self._clock_s = clock_s
        self._ready: dict[str, deque[NodeTask]] = {}  # by execution, who has waited longest first
        self._leaving: list[NodeTask] = []
        self._held_back = False

    @property
    def has_more(self) -> bool:
        """Whether something could be carried out at once."""
        return bool(self._ready) and not self._held_back

    @property
    def undispatched(self) -> list[NodeTask]:
        """All that is on its way and has not begun."""
        return [*chain.from_iterable(self._ready.values()), *self._leaving]

    def add(self, task: NodeTask) -> None:
        """What led to it is durable, or it may run ahead of that."""
        self._ready.setdefault(task.execution_id, deque()).append(task)

    def add_allowed(self, tasks: Sequence[NodeTask]) -> None:
        """Their limits have let them go."""
        self._leaving.extend(tasks)

    def heard(self, execution_id: str, stimulus: st.AnyStimulus) -> None:
        """An attempt reports: its start is no longer awaited, and at its end what it held is free."""
        self.starts.heard(execution_id, stimulus)
        if self.limits is not None:
            self.limits.heard(execution_id, stimulus)

    def called_back(self, execution_id: str, timer_id: str) -> st.AnyStimulus | None:
        """The end of an attempt that nothing has begun in its time; None if the timer is another's."""
        task = None if self.executor is None else self.starts.overdue(execution_id, timer_id)
        return None if task is None or self.executor is None else self.starts.call_back(task, self.executor)

    def stop(self, key: Key, incarnation: int) -> None:
        """Stop an attempt, wherever it is."""
        execution_id, instance, attempt = key
        self._forget(execution_id, lambda task: (task.instance, task.attempt) == (instance, attempt))
        if self.executor is not None:
            self.executor.stop(*key, incarnation)

    def drop(self, execution_id: str, stop: bool = True) -> None:
        """The execution is driven here no longer. ``stop``: neither is what of it runs."""
        self.starts.drop(execution_id)
        self._forget(execution_id, lambda task: True)
        if stop and self.executor is not None:
            self.executor.drop(execution_id)

    def prune(self, payload_ids: Sequence[str]) -> None:
        """Nobody reads these values any more."""
        if self.executor is not None:
            self.executor.prune(payload_ids)

    def compute(self, take: Take) -> None:
        """Carry out what only computes, execution by execution, for a slice of time. The rest is for ``dispatch``."""
        if not self._ready or self.executor is None or not self._may_go_on():
            return
        reached(CrashPoint.DISPATCH)
        until = self._clock_s() + SLICE_S
        while self._ready:
            execution_id = next(iter(self._ready))
            self._compute_some(execution_id, self.executor, take)
            left = self._ready.pop(execution_id, None)
            if left:
                self._ready[execution_id] = left
            if self._clock_s() >= until:
                return

    def _compute_some(self, execution_id: str, executor: Executor, take: Take) -> None:
        for _ in range(QUANTUM):
            # Looked up each time: a step may have dropped the execution.
            ready = self._ready.get(execution_id)
            if not ready:
                return
            task = ready.popleft()
            if not self._is_wanted(task):
                continue
            said = executor.compute(task)
            if said is None:
                self._leaving.append(task)
            else:
                take(execution_id, said)

    def dispatch(self) -> None:
        """Send away what cannot be carried out here, if it is still wanted: the word to stop it may wait for its own
        commit.
        """
        if not self._leaving or self.executor is None or not self._may_go_on():
            return
        tasks, self._leaving = [task for task in self._leaving if self._is_wanted(task)], []
        if tasks:
            reached(CrashPoint.DISPATCH)
            self.executor.run(tasks)
            self.starts.dispatched(tasks, self.limits)

    def _may_go_on(self) -> bool:
        """Past the lease another owner may have started the same attempts (R23). They wait: either the lease turns out
        to hold and they go, or the executions are found to be fenced and they are forgotten.
        """
        was_held_back, self._held_back = self._held_back, not self._may_dispatch()
        if self._held_back and not was_held_back:
            logger.warning("flowray driver: the lease is too old, attempts are held back")
        return not self._held_back

    def _forget(self, execution_id: str, is_meant: Callable[[NodeTask], bool]) -> None:
        ready = self._ready.get(execution_id)
        if ready:
            kept = [task for task in ready if not is_meant(task)]
            ready.clear()
            ready.extend(kept)
        self._leaving = [task for task in self._leaving if task.execution_id != execution_id or not is_meant(task)]
