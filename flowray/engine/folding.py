"""State as a fold over events: ``apply`` is the only place where an execution's state changes (R29).

Both the live engine and recovery go through it, so a replayed log gives the very state that the live run had.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flowray.definition.node_type import Role
from flowray.engine import events as ev
from flowray.engine.instances import instance_id, parent_of_scope
from flowray.engine.plan_index import ERROR_HANDLE, GOTO_HANDLE, PlanIndex
from flowray.engine.residency import (
    forget_results,
    keep,
    keep_journal,
)
from flowray.engine.scope_folding import (
    is_last,
    open_scope,
    scope_closing,
    scope_collected,
    scope_completed,
    scope_opened,
    scope_started,
)
from flowray.engine.scope_variables import change_variables, merge_changes
from flowray.engine.settling import fire_exits, release_reads, settle, void_rest
from flowray.engine.signals import Answer, NodeError, Usage
from flowray.engine.state import (
    ClosedWaitpoint,
    ContainerState,
    ExecutionState,
    Hold,
    NodeState,
    ScopeState,
    is_redriven,
    work_done,
)
from flowray.engine.statuses import (
    EXECUTION_TRANSITIONS,
    NODE_TRANSITIONS,
    ExecutionStatus,
    NodeStatus,
    transition,
)
from flowray.plan import ROOT
from flowray.values import Json


def apply(index: PlanIndex, state: ExecutionState, event: ev.Event) -> None:
    """Fold one event into ``state``, in place. Raises ValueError for an event that the status tables forbid."""
    _FOLDS[type(event)](index, state, event)


def fold(index: PlanIndex, state: ExecutionState, events: list[ev.AnyEvent]) -> ExecutionState:
    """Fold a recorded log, whole commits at a time. The work list is empty afterwards, as between two steps."""
    for event in events:
        apply(index, state, event)
    work_done(state)
    return state


def error_output(error: NodeError) -> Json:
    """The output of a failed node, as its error path reads it."""
    return {
        "message": error.message,
        "code": error.code,
        "node_id": error.node_id,
        "attempt": error.attempt,
        "details": error.details,
    }


# -- the execution ------------------------------------------------------------------------------------------------


def _started(index: PlanIndex, state: ExecutionState, event: ev.ExecutionStarted) -> None:
    state.status = transition(EXECUTION_TRANSITIONS, state.status, "start")
    state.started_at = state.active_since = event.ts
    state.inputs, state.deadline_ms, state.selection = event.inputs, event.deadline_ms, event.selection
    state.budget = event.budget
    state.variables = dict(index.plan.variables)
    state.readers_left = dict(index.reader_counts)
    open_scope(index, state, "", ROOT, 0, None)


def _moves(verb: str) -> Callable[[PlanIndex, ExecutionState, Any], None]:
    def fold_status(index: PlanIndex, state: ExecutionState, event: Any) -> None:
        state.status = transition(EXECUTION_TRANSITIONS, state.status, verb)
        if hasattr(event, "outputs"):
            state.outputs = event.outputs
            void_rest(index, state)

    return fold_status


def _rests(verb: str) -> Callable[[PlanIndex, ExecutionState, Any], None]:
    def fold_rest(index: PlanIndex, state: ExecutionState, event: Any) -> None:
        if state.status is ExecutionStatus.RUNNING:
            state.active_ms += event.ts - state.active_since
        state.status = transition(EXECUTION_TRANSITIONS, state.status, verb)

    return fold_rest


def _paused(index: PlanIndex, state: ExecutionState, event: ev.ExecutionPaused) -> None:
    _rests("pause")(index, state, event)
    if event.requested:
        state.hold = Hold(reason=event.reason, by=event.by, since=event.ts)


def _resumed(index: PlanIndex, state: ExecutionState, event: ev.ExecutionResumed) -> None:
    state.status = transition(EXECUTION_TRANSITIONS, state.status, "resume")
    state.active_since = event.ts
    state.hold = None
    change_variables(state, ROOT, event.variables)


def _waitpoint_closed(index: PlanIndex, state: ExecutionState, event: ev.WaitpointClosed) -> None:
    if event.waitpoint.startswith("/") and event.status != "cancelled":
        state.closed_waitpoints[event.waitpoint] = ClosedWaitpoint(event.status, event.data, event.by)


def _queued(index: PlanIndex, state: ExecutionState, event: ev.ExecutionQueued) -> None:
    state.status = ExecutionStatus.QUEUED


def _cancelling(index: PlanIndex, state: ExecutionState, event: ev.ExecutionCancelling) -> None:
    if state.cancel_reason is None:
        state.cancel_reason = event.reason


def _handling(index: PlanIndex, state: ExecutionState, event: ev.ErrorHandlerEntered) -> None:
    handler = index.plan.settings.error_handler
    assert handler is not None
    node = state.scopes[""].nodes[handler]
    node.waits, node.live = node.waits - 1, 1
    state.agenda.append(("", handler))
    state.handling, state.stopping = True, False


def _crashed(index: PlanIndex, state: ExecutionState, event: ev.ExecutionCrashed) -> None:
    """Everything stays as it is, for the execution may be redriven; only its clock stands still."""
    _rests("crash")(index, state, event)


def _recovered(index: PlanIndex, state: ExecutionState, event: ev.ExecutionRecovered) -> None:
    state.epoch = event.epoch
    if is_redriven(state):
        state.status = transition(EXECUTION_TRANSITIONS, state.status, "start")
        state.active_since = event.ts


# -- nodes --------------------------------------------------------------------------------------------------------


def _find(state: ExecutionState, event: ev.NodeEvent) -> tuple[ScopeState, str, NodeState]:
    scope_id = event.instance.rpartition("/")[0]
    scope = state.scopes[scope_id]
    return scope, scope_id, scope.nodes[event.node_id]


def _ready(index: PlanIndex, state: ExecutionState, event: ev.NodeReady) -> None:
    scope, _, node = _find(state, event)
    if node.status is NodeStatus.PENDING:
        scope.open += 1
    _leave(state, event.instance, node)
    node.status = transition(NODE_TRANSITIONS, node.status, "ready")
    node.due_at = None
    if not index.nodes[event.node_id].is_container:
        state.ready.push(event.instance)


def _node_started(index: PlanIndex, state: ExecutionState, event: ev.NodeStarted) -> None:
    _, _, node = _find(state, event)
    node.status = transition(NODE_TRANSITIONS, node.status, "start")
    node.attempt, node.tries, node.started_at, node.stream_id = event.attempt, event.tries, event.ts, None
    node.epoch, node.stream_end = event.epoch, node.stream_offset
    if index.nodes[event.node_id].is_container:
        state.containers[event.instance] = ContainerState(asking=True)
    else:
        state.ready.take(event.instance)
        state.running[event.instance] = event.attempt


def _token(index: PlanIndex, state: ExecutionState, event: ev.NodeToken) -> None:
    node = _find(state, event)[2]
    node.stream_id, node.stream_end = event.stream_id, event.offset + len(event.text)


def _retrying(index: PlanIndex, state: ExecutionState, event: ev.NodeRetrying) -> None:
    _, _, node = _find(state, event)
    container = state.containers.get(event.instance)
    if container is not None:
        container.losses += 1  # Only its sentinel was lost; the container itself goes on running.
        return
    _leave(state, event.instance, node)
    _spend(state, event.node_id, event.usage)
    if event.lost:
        node.status = transition(NODE_TRANSITIONS, node.status, "restart")
        state.ready.push(event.instance)
        return
    node.tries += 1
    _wait(state, event.instance, node, "retry", event.due_at)


def _waiting(index: PlanIndex, state: ExecutionState, event: ev.NodeWaiting) -> None:
    _, _, node = _find(state, event)
    _leave(state, event.instance, node)
    _spend(state, event.node_id, event.usage)
    node.wait_reason, node.wait_output, node.wait_variables = event.reason, event.output, event.variables
    node.child, node.child_id = event.child, ""
    node.pause, node.waitpoint, node.waiting_since = event.pause, event.waitpoint, event.ts
    node.continues = event.continues
    _wait(state, event.instance, node, event.wait_kind, event.due_at)


def _stepped(index: PlanIndex, state: ExecutionState, event: ev.NodeStepped) -> None:
    _, scope_id, node = _find(state, event)
    keep_journal(state, node, event.journal)
    node.step, node.step_attempts, node.tries, node.answer = event.step, event.attempt, 0, None
    node.stream_offset = node.stream_end
    change_variables(state, scope_id, event.variables)
    _spend(state, event.node_id, event.usage)


def _answered(index: PlanIndex, state: ExecutionState, event: ev.NodeAnswered) -> None:
    _, scope_id, node = _find(state, event)
    _leave(state, event.instance, node)
    node.status = transition(NODE_TRANSITIONS, node.status, "ready")
    node.due_at, node.continues, node.child, node.child_id = None, False, None, ""
    node.answer = Answer(event.output, event.error, event.by)
    state.ready.push(event.instance)
    change_variables(state, scope_id, event.variables)
    _spend(state, event.node_id, event.usage)


def _child_started(index: PlanIndex, state: ExecutionState, event: ev.ChildStarted) -> None:
    _find(state, event)[2].child_id = event.child_id


def _completed(index: PlanIndex, state: ExecutionState, event: ev.NodeCompleted) -> None:
    scope, scope_id, node = _find(state, event)
    node.status = transition(NODE_TRANSITIONS, node.status, "complete")
    node.wait_output, node.wait_variables = None, ()
    keep(index, state, node, event.output)
    change_variables(state, scope_id, event.variables)
    if event.handled_error is not None:
        state.handled_errors.append(event.handled_error)
    if event.finish and not state.finishing:
        state.finishing, state.finish_output = True, event.output
    _note_terminal(index, state, scope_id, event.node_id)
    if event.loop_control == "break":
        _break(index, state, scope_id)
    _close(index, state, scope, scope_id, node, event, event.handles)


def _note_terminal(index: PlanIndex, state: ExecutionState, scope_id: str, node_id: str) -> None:
    if scope_id == "" and index.plan.dialect.outputs_default == "bare_terminal":
        leads_on = any(edge.kind != "ordering" for edge in index.nodes[node_id].outgoing)
        state.last_terminal = state.last_terminal if leads_on else node_id


def _reused(index: PlanIndex, state: ExecutionState, event: ev.NodeReused) -> None:
    scope, scope_id, node = _find(state, event)
    node.status = transition(NODE_TRANSITIONS, node.status, "reuse_failure" if event.failed else "reuse")
    scope.open += 1
    keep(index, state, node, event.output)
    change_variables(state, scope_id, event.variables)
    scope.exports.update(event.exports)
    if event.error is not None:
        state.handled_errors.append(event.error)
    if event.failed:
        node.error = event.error
    else:
        _note_terminal(index, state, scope_id, event.node_id)
    _close(index, state, scope, scope_id, node, event, event.handles, event.exits)


def _break(index: PlanIndex, state: ExecutionState, scope_id: str) -> None:
    container = state.containers.get(parent_of_scope(scope_id)[0]) if scope_id else None
    if container is not None and index.nodes[state.scopes[scope_id].plan_scope].node.role is Role.LOOP:
        container.broken = True


def _failed(index: PlanIndex, state: ExecutionState, event: ev.NodeFailed) -> None:
    scope, scope_id, node = _find(state, event)
    node.status = transition(NODE_TRANSITIONS, node.status, "fail")
    node.error = event.error
    keep(index, state, node, error_output(event.error))
    handles: tuple[str, ...] = ()
    if event.routed:
        handles = (ERROR_HANDLE,) if index.nodes[event.node_id].has_error_edge else (GOTO_HANDLE,)
        state.handled_errors.append(event.error)
    else:
        scope.error = scope.error or event.error
        if scope_id == "" and state.finishing:
            state.handled_errors.append(event.error)  # The outputs are decided; what drains cannot fail them (R9).
        elif scope_id == "":
            state.errors.append(event.error)
            state.stopping = state.stopping or index.plan.settings.on_failure.value != "run_independent"
    _close(index, state, scope, scope_id, node, event, handles)


def _skipped(index: PlanIndex, state: ExecutionState, event: ev.NodeSkipped) -> None:
    scope, scope_id, node = _find(state, event)
    node.status = transition(NODE_TRANSITIONS, node.status, "skip")
    _count(state, scope_id, node)
    settle(index, state, scope, scope_id, event.node_id, (), (), void=event.void)
    release_reads(index, state, scope, scope_id, event.node_id)


def _cancelled(index: PlanIndex, state: ExecutionState, event: ev.NodeCancelled) -> None:
    scope, scope_id, node = _find(state, event)
    was_pending = node.status is NodeStatus.PENDING
    if node.status is NodeStatus.READY and not index.nodes[event.node_id].is_container:
        state.ready.take(event.instance)
    node.status = transition(NODE_TRANSITIONS, node.status, "cancel")
    if was_pending:
        scope.open += 1
    _close(index, state, scope, scope_id, node, event, ())


def _close(
    index: PlanIndex,
    state: ExecutionState,
    scope: ScopeState,
    scope_id: str,
    node: NodeState,
    event: Any,
    handles: tuple[str, ...] | None,
    exits: Sequence[str] = (),
) -> None:
    """What every end of an open instance has in common."""
    _leave(state, event.instance, node)
    node.child = node.answer = None
    keep_journal(state, node, None)
    container = state.containers.pop(event.instance, None)
    if container is not None:
        scope.exports.update(container.last)
        merge_changes(state, scope_id, container)
        forget_results(state, container)
        exits = container.exits if node.status is NodeStatus.COMPLETED else ()
    _spend(state, event.node_id, getattr(event, "usage", None))
    node.due_at = None
    scope.open -= 1
    if scope.open == 0 and scope_id:
        state.finished_scopes.append(scope_id)
    _count(state, scope_id, node)
    void = state.finishing or node.status is NodeStatus.CANCELLED or is_last(state, scope_id, event.node_id)
    node.leads_on = settle(index, state, scope, scope_id, event.node_id, handles, exits, void=void)
    if index.nodes[event.node_id].exits or index.nodes[event.node_id].repeats:
        node.leads_on |= fire_exits(index, state, scope_id, event.node_id, handles)
    release_reads(index, state, scope, scope_id, event.node_id)


def _leave(state: ExecutionState, instance: str, node: NodeState) -> None:
    state.running.pop(instance, None)
    if state.waiting.pop(instance, None) is not None:
        state.waiting_kinds[node.wait_kind] -= 1
        node.pause, node.waitpoint = None, ""


def _wait(state: ExecutionState, instance: str, node: NodeState, kind: str, due_at: int | None) -> None:
    node.status = transition(NODE_TRANSITIONS, node.status, "wait")
    node.due_at, node.wait_kind = due_at, kind
    state.waiting[instance] = -1 if due_at is None else due_at
    state.waiting_kinds[kind] = state.waiting_kinds.get(kind, 0) + 1


def _spend(state: ExecutionState, node_id: str, usage: Usage | None) -> None:
    if usage is not None:
        state.spending.add(node_id, usage)
        state.usage = usage if state.usage == Usage() else state.usage.plus(usage)


def _count(state: ExecutionState, scope_id: str, node: NodeState) -> None:
    if scope_id == "":
        status = node.status.value
        state.counts[status] = state.counts.get(status, 0) + 1


def instances_of(state: ExecutionState) -> list[tuple[str, str, NodeState]]:
    """All instances of all open scopes: ``(instance, node id, state)``, inner scopes last."""
    return [
        (instance_id(scope_id, node_id), node_id, node)
        for scope_id, scope in state.scopes.items()
        for node_id, node in scope.nodes.items()
    ]


def _nothing(index: PlanIndex, state: ExecutionState, event: ev.Event) -> None:
    """For events that inform and change nothing."""


_FOLDS: dict[type[Any], Callable[[PlanIndex, ExecutionState, Any], None]] = {
    ev.ExecutionQueued: _queued,
    ev.ExecutionStarted: _started,
    ev.ExecutionWaiting: _rests("wait"),
    ev.ExecutionPaused: _paused,
    ev.ExecutionResumed: _resumed,
    ev.ExecutionCancelling: _cancelling,
    ev.ErrorHandlerEntered: _handling,
    ev.ExecutionRecovered: _recovered,
    ev.ExecutionCompleted: _moves("complete"),
    ev.ExecutionFailed: _moves("fail"),
    ev.ExecutionCancelled: _moves("cancel"),
    ev.ExecutionTimedOut: _moves("time_out"),
    ev.ExecutionCrashed: _crashed,
    ev.ExecutionRedriven: _moves("redrive"),
    ev.ExecutionExpired: _moves("expire"),
    ev.NodeReady: _ready,
    ev.NodeStarted: _node_started,
    ev.NodeToken: _token,
    ev.NodeLog: _nothing,
    ev.NodeRetrying: _retrying,
    ev.NodeWaiting: _waiting,
    ev.NodeStepped: _stepped,
    ev.NodeAnswered: _answered,
    ev.WaitpointClosed: _waitpoint_closed,
    ev.ChildStarted: _child_started,
    ev.ChildEnded: _nothing,
    ev.NodeCompleted: _completed,
    ev.NodeReused: _reused,
    ev.NodeFailed: _failed,
    ev.NodeSkipped: _skipped,
    ev.NodeCancelled: _cancelled,
    ev.NodeDiscarded: _nothing,
    ev.ScopeOpened: scope_opened,
    ev.ScopeClosing: scope_closing,
    ev.ScopeCollected: scope_collected,
    ev.ScopeStarted: scope_started,
    ev.ScopeCompleted: scope_completed,
    ev.StreamReset: _nothing,
}
