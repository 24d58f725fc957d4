"""When an execution rests or ends: waiting, paused, and the five ways to finish (R8, R9, R10, R20)."""

from __future__ import annotations

from collections.abc import Iterator

from flowray.engine import children
from flowray.engine import events as ev
from flowray.engine.commands import CancelTimer, EndExecution, StartTimer, StopNode
from flowray.engine.folding import instances_of
from flowray.engine.instances import instance_id, split_instance
from flowray.engine.outputs import execution_outputs
from flowray.engine.signals import NodeError
from flowray.engine.state import NodeState
from flowray.engine.statuses import ExecutionStatus, NodeStatus
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode

SHORT_BACKOFF_MS = 5_000
"""Backing off for less than this still counts as running (R20)."""

EXECUTION_TIMER = "execution"
"""Fires when the active time is used up."""

DEADLINE_TIMER = "deadline"
"""Fires at the absolute deadline, whatever the execution does."""


def conclude(turn: Turn) -> bool:
    """Called when nothing more follows from a stimulus: rest, go on, or end. True if something follows after all."""
    state = turn.state
    if state.ended or not state.scopes:
        return False
    busy = bool(state.running) or any(container.is_asking for container in state.containers.values())
    if state.stopping or state.finishing:
        if busy or _backing_off(turn):
            return False
        _void_rest(turn)
        return _end(turn)
    if state.hold is not None:
        return False
    if busy or len(state.ready):
        enter(turn, ExecutionStatus.RUNNING)
    elif state.waiting:
        enter(turn, _resting_status(turn))
    elif state.scopes[""].open:
        # Containers only stay open through something running, waiting or asked: this would wait for ever.
        raise RuntimeError(f"nothing can move, yet {state.scopes[''].open} instances are open")
    else:
        return _end(turn)
    return False


def active_deadline(turn: Turn) -> int | None:
    """When the active time that ``settings.timeoutMs`` allows is used up, if nothing waits until then (R14)."""
    timeout_ms = turn.index.plan.settings.timeout_ms
    return None if timeout_ms is None else turn.state.active_since + timeout_ms - turn.state.active_ms


def _waiting_nodes(turn: Turn) -> Iterator[tuple[str, str, NodeState]]:
    for instance in turn.state.waiting:
        scope, node_id = split_instance(instance)
        yield instance, node_id, turn.state.scopes[scope].nodes[node_id]


def _backing_off(turn: Turn) -> bool:
    return turn.state.waiting_kinds.get("retry", 0) > 0


def _resting_status(turn: Turn) -> ExecutionStatus:
    # Looking at every waiting node for each timer that fires would make a fan-out of waits quadratic.
    if _backing_off(turn):
        for _, _, node in _waiting_nodes(turn):
            if node.wait_kind == "retry" and (node.due_at or 0) - turn.ts < SHORT_BACKOFF_MS:
                return ExecutionStatus.RUNNING
    only_people = turn.state.waiting_kinds.get("person", 0) == len(turn.state.waiting)
    return ExecutionStatus.PAUSED if only_people else ExecutionStatus.WAITING


def enter(turn: Turn, status: ExecutionStatus) -> None:
    """Make the execution's status ``running``, ``waiting`` or ``paused``. Its clock runs only while it is running."""
    now = turn.state.status
    if now is status:
        return
    if status is ExecutionStatus.RUNNING:
        turn.emit(ev.ExecutionResumed(ts=turn.ts))
    elif status is ExecutionStatus.WAITING:
        turn.emit(ev.ExecutionWaiting(ts=turn.ts))
    else:
        turn.emit(ev.ExecutionPaused(ts=turn.ts, reason=_pause_reason(turn)))
    deadline = active_deadline(turn)
    if deadline is not None and status is ExecutionStatus.RUNNING:
        turn.command(StartTimer(EXECUTION_TIMER, deadline))
    elif deadline is not None and now is ExecutionStatus.RUNNING:
        turn.command(CancelTimer(EXECUTION_TIMER))


def _pause_reason(turn: Turn) -> str:
    return next((node.wait_reason for _, _, node in _waiting_nodes(turn) if node.wait_kind == "person"), "")


def stop_open(turn: Turn, reason: str) -> None:
    """Stop whatever is ready, running or waiting, in every scope."""
    state = turn.state
    for instance in list(state.ready):
        scope, node_id = split_instance(instance)
        _cancel_node(turn, instance, node_id, state.scopes[scope].nodes[node_id])
    for instance, node_id, node in instances_of(state):
        if node.status not in (NodeStatus.RUNNING, NodeStatus.WAITING):
            continue
        container = state.containers.get(instance)
        if instance in state.running:
            turn.command(StopNode(instance, node.attempt, reason))
        for question in () if container is None else container.questions:
            turn.command(StopNode(instance, question, reason))
        children.stop(turn, instance, node, reason)
        _cancel_node(turn, instance, node_id, node)
    state.agenda.clear()
    state.finished_scopes.clear()


def _cancel_node(turn: Turn, instance: str, node_id: str, node: NodeState) -> None:
    if node.pause is not None:
        turn.emit(ev.WaitpointClosed(ts=turn.ts, waitpoint=node.waitpoint, status="cancelled"))
    attempt, started_at, waits = node.attempt, node.started_at, node.status is NodeStatus.WAITING and node.continues
    if waits:
        started_at = node.waiting_since
    elif node.step and node.status is NodeStatus.READY and attempt == node.step_attempts:
        attempt, started_at = attempt + 1, 0  # The last one has done its step; what is stopped has not begun.
    event = ev.NodeCancelled(
        ts=turn.ts, instance=instance, node_id=node_id, attempt=attempt, started_at=started_at, continues=waits
    )
    turn.emit(event)


def _void_rest(turn: Turn) -> None:
    """Nothing more starts: close what is open; edges that were never settled are void (R9, R10)."""
    stop_open(turn, "the execution is ending")
    spared = frozenset[str]() if turn.state.finishing or turn.state.handling else turn.index.handler_nodes
    for node_id, node in turn.state.scopes[""].nodes.items():
        if node.status is NodeStatus.PENDING and node_id not in spared:
            turn.emit(ev.NodeSkipped(ts=turn.ts, instance=instance_id("", node_id), node_id=node_id, void=True))
    turn.state.agenda.clear()


def _enter_error_handler(turn: Turn) -> bool:
    """All else has settled: run the error handler if something failed, else skip it (R20). True if it was pending."""
    state, handler = turn.state, turn.index.plan.settings.error_handler
    if handler is None or state.handling or state.scopes[""].nodes[handler].status is not NodeStatus.PENDING:
        return False
    if state.errors:
        turn.emit(ev.ErrorHandlerEntered(ts=turn.ts, error=state.errors[0]))
    else:
        turn.emit(ev.NodeSkipped(ts=turn.ts, instance=instance_id("", handler), node_id=handler))
    return True


def _end(turn: Turn) -> bool:
    state = turn.state
    if _enter_error_handler(turn):
        return True
    outputs = execution_outputs(turn.index, state)
    if state.errors:
        turn.emit(
            ev.ExecutionFailed(
                ts=turn.ts, error=state.errors[0], errors=tuple(state.errors), outputs=outputs, usage=state.usage
            )
        )
    else:
        enter(turn, ExecutionStatus.RUNNING)  # What waits ends by going on: its last value may be all that was missing.
        turn.emit(ev.ExecutionCompleted(ts=turn.ts, outputs=outputs, usage=state.usage))
    turn.command(EndExecution(state.status.value))
    return False


def end_cancelled(turn: Turn) -> None:
    """Cancel beats error; partial outputs stay."""
    state = turn.state
    outputs = execution_outputs(turn.index, state)
    turn.emit(ev.ExecutionCancelled(ts=turn.ts, reason=state.cancel_reason or "", outputs=outputs, usage=state.usage))
    turn.command(EndExecution(state.status.value))


def end_timed_out(turn: Turn, message: str) -> None:
    """The active time allowed by ``settings.timeoutMs`` is used up, or the deadline has passed (R14)."""
    state = turn.state
    error = NodeError(message=message, code=ErrorCode.EXECUTION_TIMEOUT.value)
    turn.emit(
        ev.ExecutionTimedOut(ts=turn.ts, error=error, outputs=execution_outputs(turn.index, state), usage=state.usage)
    )
    turn.command(EndExecution(state.status.value))
