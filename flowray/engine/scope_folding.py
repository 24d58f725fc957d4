"""Folds the events of loops and parallels: how scopes open and close, and what is kept of them. Part of ``folding``."""

from __future__ import annotations

from flowray.definition.node_type import Role
from flowray.engine import events as ev
from flowray.engine.manifests import LEAST_BYTES, LEAST_READ_BYTES, add_chunk, plan_chunk
from flowray.engine.plan_index import ASKED, PlanIndex, asks_each_round
from flowray.engine.residency import drop_inner, forget_collected, keep_result, leave_results
from flowray.engine.scope_variables import isolates, visible_shared, visible_variables
from flowray.engine.state import ContainerState, ExecutionState, NodeState, ScopeState
from flowray.values import Value


def open_scope(
    index: PlanIndex, state: ExecutionState, scope_id: str, plan_scope: str, number: int, item: Value
) -> None:
    """A scope begins: its nodes, with what each waits for."""
    nodes = {}
    for node_id in index.scope_nodes[plan_scope]:
        known = index.nodes[node_id]
        nodes[node_id] = NodeState(waits=known.waits, live=1 if known.is_start else 0)
        if known.waits == 0:
            state.agenda.append((scope_id, node_id))
    state.scopes[scope_id] = ScopeState(plan_scope=plan_scope, nodes=nodes, index=number, item=item)
    if scope_id and not nodes:
        state.finished_scopes.append(scope_id)


def scope_opened(index: PlanIndex, state: ExecutionState, event: ev.ScopeOpened) -> None:
    """What a container goes through is known."""
    container = state.containers[event.instance]
    container.opened = True
    plan = index.container(event.node_id)
    container.asking = asks_each_round(plan) and plan.mode != "doWhile"
    container.total, container.items, container.losses = event.total, event.items, 0
    container.capped = event.capped


def scope_closing(index: PlanIndex, state: ExecutionState, event: ev.ScopeClosing) -> None:
    """Its END is asked, or what is in no chunk is to be stored."""
    container = state.containers[event.instance]
    container.closing = True
    container.asking = index.container(event.node_id).aggregation in ASKED
    container.losses = 0
    if not container.asking:
        _plan_chunk(index, event.node_id, container)


def scope_started(index: PlanIndex, state: ExecutionState, event: ev.ScopeStarted) -> None:
    """A round or branch begins."""
    container = state.containers[event.instance]
    container.asking, container.losses, container.again = False, 0, False
    container.running += 1
    container.next_index = event.index + 1
    open_scope(index, state, event.scope, event.node_id, event.index, event.item)
    if isolates(index, event.node_id):
        around = event.instance.rpartition("/")[0]
        state.scopes[event.scope].variables = dict(visible_variables(state, around))
        state.scopes[event.scope].shared = visible_shared(state, around)


def scope_completed(index: PlanIndex, state: ExecutionState, event: ev.ScopeCompleted) -> None:
    """A round or branch has ended: only its result, and what is read from outside, stays."""
    container = state.containers[event.instance]
    container.running -= 1
    # A conditional loop either asks for its next condition now, or ends in this very step.
    container.asking = asks_each_round(index.container(event.node_id))
    scope = state.scopes.pop(event.scope)
    keep_result(state, container, scope, event.index, event.result)
    if scope.changes:
        container.changes[event.index] = scope.changes
    if event.error is None and container.first < 0:
        container.first = event.index
    parallel = index.nodes[event.node_id].node.role is Role.PARALLEL
    if (event.index == 0) if parallel else (event.index > container.last_index):
        container.last_index = event.index
        container.last = scope.exports
        for node_id, node in scope.nodes.items():
            if node.has_output and node_id in index.carried:
                container.last[node_id] = node.output
    if event.error is not None and index.container(event.node_id).item_failure == "fail":
        container.failed = container.failed or event.error
    if not _is_wanted(index, state, event):
        leave_results(state, container, event.result)
    drop_inner(state, container, scope, event.result)
    _plan_chunk(index, event.node_id, container)


def _is_wanted(index: PlanIndex, state: ExecutionState, event: ev.NodeEvent) -> bool:
    """Whether somebody reads the results of this container: by the plan, or because the execution ends with it."""
    return event.node_id in index.wanted_results or is_last(state, event.instance.rpartition("/")[0], event.node_id)


def _plan_chunk(index: PlanIndex, node_id: str, container: ContainerState) -> None:
    if index.container(node_id).aggregation != "first":
        plan_chunk(container, LEAST_READ_BYTES if node_id in index.read_inside else LEAST_BYTES)


def scope_collected(index: PlanIndex, state: ExecutionState, event: ev.ScopeCollected) -> None:
    """The next results are in a chunk, or could not be stored."""
    container = state.containers[event.instance]
    if event.chunk is None:
        container.failed, container.collecting = container.failed or event.error, 0
        return
    forget_collected(state, container, add_chunk(container, event.chunk, event.preview))
    _plan_chunk(index, event.node_id, container)


def is_last(state: ExecutionState, scope_id: str, node_id: str) -> bool:
    """The execution is to run until this node."""
    return state.selection is not None and not scope_id and state.selection.run_until == node_id
