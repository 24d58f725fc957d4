"""Calls attempts back that nothing has begun within their ``startTimeoutMs`` of dispatch (R14). The engine decides what
follows; how long an attempt may run is its lane's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.runtime.executor import Executor, Limits
from flowray.runtime.timers import Timers

PREFIX = "start:"
"""What the ids of its timers begin with."""


class StartWatch:
    """Belongs to the thread of a driver, whose timers it uses. What waits for a named limit is not dispatched yet."""

    def __init__(self, timers: Timers, now_ms: Callable[[], int]) -> None:
        self._timers = timers
        self._now_ms = now_ms
        self._watched: dict[str, dict[str, NodeTask]] = {}  # by execution, by timer

    def dispatched(self, tasks: Sequence[NodeTask], limits: Limits | None) -> None:
        """From now on the time of these attempts runs, if they have one."""
        for task in tasks:
            if task.start_timeout_ms is None or (limits is not None and limits.holds(task)):
                continue
            timer_id = _timer_id(task.instance, task.attempt)
            self._watched.setdefault(task.execution_id, {})[timer_id] = task
            self._timers.set(task.execution_id, timer_id, self._now_ms() + task.start_timeout_ms)

    def heard(self, execution_id: str, stimulus: st.AnyStimulus) -> None:
        """An attempt says something: it has begun, or is over."""
        if execution_id not in self._watched:
            return
        if isinstance(stimulus, st.AttemptStarted | st.AttemptEnd):
            timer_id = _timer_id(stimulus.instance, stimulus.attempt)
            self._timers.cancel(execution_id, timer_id)
            self._forget(execution_id, timer_id)

    def overdue(self, execution_id: str, timer_id: str) -> NodeTask | None:
        """The attempt whose time is over with this timer."""
        return self._forget(execution_id, timer_id) if timer_id.startswith(PREFIX) else None

    def call_back(self, task: NodeTask, executor: Executor) -> st.AttemptLost:
        """Stop it, in case that it begins now, and say what kept it."""
        reason = f"nothing began it within its startTimeoutMs of {task.start_timeout_ms}: {executor.obstacle(task)}"
        executor.stop(*task.key, task.incarnation)
        return st.AttemptLost(
            ts=self._now_ms(), instance=task.instance, attempt=task.attempt, reason=reason, unstarted=True,
            incarnation=task.incarnation,
        )  # fmt: skip

    def drop(self, execution_id: str) -> None:
        """The execution is driven here no longer."""
        self._watched.pop(execution_id, None)

    def _forget(self, execution_id: str, timer_id: str) -> NodeTask | None:
        watched = self._watched.get(execution_id, {})
        task = watched.pop(timer_id, None)
        if task is not None and not watched:
            del self._watched[execution_id]
        return task


def _timer_id(instance: str, attempt: int) -> str:
    return f"{PREFIX}{attempt}:{instance}"
