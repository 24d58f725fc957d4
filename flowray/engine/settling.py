"""What the end of an instance does to others: it settles edges (R1, R4) and releases outputs (R7). Part of folding."""

from __future__ import annotations

from collections.abc import Sequence

from flowray.engine.instances import parent_of_scope
from flowray.engine.plan_index import PlanIndex, edge_lives
from flowray.engine.residency import drop, forget
from flowray.engine.state import ExecutionState, ScopeState, is_over
from flowray.engine.statuses import NodeStatus
from flowray.values import StoredValue


def settle(
    index: PlanIndex,
    state: ExecutionState,
    scope: ScopeState,
    scope_id: str,
    node_id: str,
    handles: tuple[str, ...] | None,
    exits: Sequence[str],
    *,
    void: bool = False,
) -> bool:
    """Settle the outgoing edges (R1) and note the targets whose incoming edges are all settled. True if one lives.

    An exit edge of a container lives if it is among ``exits`` (R4). ``void``: nothing follows any more, so the edges
    are neither live nor dead (R9).
    """
    leads_on = False
    for edge in index.nodes[node_id].outgoing:
        lives = not void and (edge_lives(edge, handles) if edge.origin is None else edge.id in exits)
        scope.edges[edge.id] = None if void else lives
        target = scope.nodes[edge.target]
        target.waits -= 1
        if lives and edge.kind != "ordering":
            target.live += 1
            leads_on = True
        if target.waits == 0 and target.status is NodeStatus.PENDING:
            state.agenda.append((scope_id, edge.target))
    return leads_on


def void_rest(index: PlanIndex, state: ExecutionState) -> None:
    """The execution has ended: edges that were never settled are void (R9)."""
    for scope in state.scopes.values():
        edges = index.plan.scopes[scope.plan_scope].edges
        if len(scope.edges) < len(edges):
            for edge in edges:
                scope.edges.setdefault(edge.id, None)


def fire_exits(
    index: PlanIndex, state: ExecutionState, scope_id: str, node_id: str, handles: tuple[str, ...] | None
) -> bool:
    """Note which exit edges of a body node live, to be settled when its loop ends (R4), and whether it leads back."""
    container = state.containers.get(parent_of_scope(scope_id)[0])
    known = index.nodes[node_id]
    fired = [edge.id for edge in known.exits if edge_lives(edge, handles)]
    again = any(edge_lives(edge, handles) for edge in known.repeats)
    if container is not None:
        container.exits.extend(edge_id for edge_id in fired if edge_id not in container.exits)
        container.again |= again
    return bool(fired) or again


def release_reads(index: PlanIndex, state: ExecutionState, scope: ScopeState, scope_id: str, node_id: str) -> None:
    """A root node has ended: it, and what was inside it, reads nothing any more (R7)."""
    if scope_id:
        return
    left = state.readers_left
    for provider in index.nodes[node_id].releases:
        left[provider] -= 1
        if left[provider] == 0:
            _prune(index, state, scope, provider)
    if not left.get(node_id):
        _prune(index, state, scope, node_id)


def _prune(index: PlanIndex, state: ExecutionState, scope: ScopeState, node_id: str) -> None:
    """Drop an output that no pending node reads and that is not one of the execution's outputs (R7, R8)."""
    node = scope.nodes[node_id]
    if not node.has_output or not node.leads_on or not is_over(node):
        return
    if node_id in index.kept:
        return
    if isinstance(node.output, StoredValue):
        # Of a parallel that ends with its first result, that is also what its body's node is read by from outside (R6).
        drop(state, (node.output,), scope.exports.values())
    forget(state, node)
