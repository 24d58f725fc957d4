"""Pauses that somebody asked for (R20): nothing new starts until the execution is resumed, while what runs drains.

What waits goes on waiting, and answers and timers that come meanwhile count; only what follows from them is held back.
"""

from __future__ import annotations

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.commands import CancelTimer, StartTimer
from flowray.engine.endings import EXECUTION_TIMER, active_deadline
from flowray.engine.signals import VariableOperation
from flowray.engine.statuses import ExecutionStatus
from flowray.engine.turn import Turn

_BEFORE = (ExecutionStatus.QUEUED, ExecutionStatus.DELAYED)


def pause(turn: Turn, stimulus: st.PauseRequested) -> None:
    """Hold the execution. The first reason counts."""
    if turn.state.hold is not None or turn.state.status in _BEFORE:
        return
    if active_deadline(turn) is not None and turn.state.status is ExecutionStatus.RUNNING:
        turn.command(CancelTimer(EXECUTION_TIMER))
    turn.emit(ev.ExecutionPaused(ts=turn.ts, reason=stimulus.reason, by=stimulus.by, requested=True))


def resume(turn: Turn, stimulus: st.ResumeRequested) -> None:
    """Let it go on, with changed variables. Means nothing for an execution that nobody has paused."""
    if turn.state.hold is None:
        return
    changes = tuple(VariableOperation(op="set", name=name, value=new) for name, new in stimulus.variables.items())
    turn.emit(ev.ExecutionResumed(ts=turn.ts, by=stimulus.by, variables=changes))
    deadline = active_deadline(turn)
    if deadline is not None:
        turn.command(StartTimer(EXECUTION_TIMER, deadline))
