"""Waitpoints as the engine sees them (R30): an instance waits for an answer or the end of its time.

A key names a waitpoint within its execution: ``instance#try``, or ``/name`` for a named one, which all instances that
ask for the name share, and which may be answered before any of them does. Tokens, inboxes and rows are the runtime's.
"""

from __future__ import annotations

import msgspec

from flowray.engine import attempts
from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.commands import CancelTimer
from flowray.engine.instances import split_instance
from flowray.engine.signals import NodeError, VariableOperation
from flowray.engine.statuses import NodeStatus
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode
from flowray.values import Value

COMPLETED = "completed"
TIMED_OUT = "timed_out"
CANCELLED = "cancelled"


def opened(turn: Turn, found: attempts.Attempt) -> None:
    """An instance has begun to wait. A named waitpoint may be closed already: then it goes on at once."""
    closed = turn.state.closed_waitpoints.get(found.state.waitpoint)
    if closed is None:
        return
    if closed.status == COMPLETED:
        _complete(turn, found, closed.data, {}, closed.by)
    else:
        _expire(turn, found, "")


def answered(turn: Turn, stimulus: st.WaitAnswered) -> None:
    """The first answer counts (R25); one that nobody waits for means nothing, unless it is for a named waitpoint."""
    waiting = _waiting(turn, stimulus.waitpoint) if stimulus.waitpoint else _at(turn, stimulus.instance)
    key = stimulus.waitpoint or (waiting[0].state.waitpoint if waiting else "")
    if key in turn.state.closed_waitpoints or not (waiting or key.startswith("/")):
        return
    if key:
        _close(turn, key, COMPLETED, stimulus.data, stimulus.by)
    for found in waiting:
        _complete(turn, found, stimulus.data, stimulus.variables, stimulus.by)


def expired(turn: Turn, stimulus: st.WaitExpired) -> None:
    """Nobody has answered in time, or nobody can."""
    waiting = _waiting(turn, stimulus.waitpoint)
    if not waiting:
        return
    _close(turn, stimulus.waitpoint, CANCELLED if stimulus.code else TIMED_OUT)
    for found in waiting:
        if stimulus.code:
            _fail(turn, found, stimulus.code, stimulus.message)
        else:
            _expire(turn, found, stimulus.message)


def _close(turn: Turn, key: str, status: str, data: Value = None, by: str | None = None) -> None:
    turn.emit(ev.WaitpointClosed(ts=turn.ts, waitpoint=key, status=status, data=data, by=by))


def _complete(turn: Turn, found: attempts.Attempt, data: Value, variables: dict[str, Value], by: str | None) -> None:
    pause = found.state.pause
    if isinstance(data, dict) and "$flowray" in data:
        # It would be read back as something else; the API refuses it before it comes here.
        _fail(turn, found, ErrorCode.INVALID_INPUT, "The answer uses the key '$flowray', which is reserved")
        return
    if found.state.due_at is not None:
        turn.command(CancelTimer(attempts.wait_timer(found.instance, found.state)))
    changes = {**variables, **dict.fromkeys(pause.variables if pause is not None else (), data)}
    operations = tuple(VariableOperation(op="set", name=name, value=value) for name, value in changes.items())
    attempts.complete_waiting(turn, found, data, variables=operations, by=by)


def _expire(turn: Turn, found: attempts.Attempt, message: str) -> None:
    pause = found.state.pause
    if pause is not None and pause.timeout_value is not msgspec.UNSET:
        _complete(turn, found, pause.timeout_value, {}, None)
        return
    since = f" within {pause.timeout_ms} ms" if pause is not None and pause.timeout_ms is not None else ""
    _fail(turn, found, ErrorCode.WAITPOINT_TIMEOUT, message or f"Nobody answered {found.node.id!r}{since}")


def _fail(turn: Turn, found: attempts.Attempt, code: str, message: str) -> None:
    error = NodeError(message=message, code=str(code), details={"waitpoint": found.state.waitpoint})
    if found.state.due_at is not None:
        turn.command(CancelTimer(attempts.wait_timer(found.instance, found.state)))
    attempts.fail_waiting(turn, found, error)


def _waiting(turn: Turn, key: str) -> list[attempts.Attempt]:
    """Who waits at a waitpoint, in the order in which they began to."""
    if key.startswith("/"):
        return [found for instance in list(turn.state.waiting) for found in _at(turn, instance, key)]
    return _at(turn, key.rpartition("#")[0], key)


def _at(turn: Turn, instance: str, key: str | None = None) -> list[attempts.Attempt]:
    scope, node_id = split_instance(instance)
    state = turn.state.node(scope, node_id)
    if state is None or state.status is not NodeStatus.WAITING or state.wait_kind in ("retry", "child"):
        return []
    if key is not None and state.waitpoint != key:
        return []
    return [attempts.Attempt(instance, turn.index.nodes[node_id].node, state, False)]
