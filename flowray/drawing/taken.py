"""Which edges an execution went along, as far as the statuses of nodes tell. The engine knows; this only draws."""

from __future__ import annotations

from collections.abc import Mapping

from flowray.definition.node_type import Role
from flowray.drawing.edges import plan_edges
from flowray.plan import ExecutionPlan, PlanEdge

_NOT_REACHED = ("", "pending", "skipped")


def taken_edges(
    plan: ExecutionPlan, statuses: Mapping[str, str], handles: Mapping[str, frozenset[str]] | None = None
) -> frozenset[str]:
    """Ids of the edges that lived.

    ``handles``: what a node's completed event says about its live handles, by node id. Without it, an edge counts as
    taken if its source ended in a way that fits its handle and its target was reached; of a branch whose two handles
    lead to the same node, both then count.
    """
    chosen = handles or {}
    return frozenset(edge.id for edge in plan_edges(plan) if _taken(edge, plan, statuses, chosen))


def _taken(
    edge: PlanEdge, plan: ExecutionPlan, statuses: Mapping[str, str], handles: Mapping[str, frozenset[str]]
) -> bool:
    source = edge.origin or edge.source
    status = statuses.get(source, "")
    if edge.kind == "ordering":
        return False
    if edge.handle == "error":
        return status == "failed" and statuses.get(edge.target, "") not in _NOT_REACHED
    if status != "completed":
        return False
    if source in handles and (edge.kind == "exit" or plan.nodes[source].role is Role.BRANCH):
        return edge.handle in handles[source]
    return statuses.get(edge.target, "") not in _NOT_REACHED
