"""The edges that are drawn inside one scope: the plan's own, and those that repeat an implicit loop (R5)."""

from __future__ import annotations

from itertools import chain

import msgspec

from flowray.plan import ExecutionPlan, PlanEdge


def scope_edges(plan: ExecutionPlan, scope: str) -> list[PlanEdge]:
    """Edges between members of a scope, in plan order. What repeats the body leads from its origin back to its head."""
    edges = list(plan.scopes[scope].edges)
    container = plan.containers.get(scope)
    if container is None or not container.repeats:
        return edges
    members, starts = set(plan.scopes[scope].nodes), plan.scopes[scope].starts
    for edge in container.repeats:
        source = edge.origin or edge.source
        target = edge.target if edge.target in members else next(iter(starts), "")
        if source in members and target in members:
            edges.append(msgspec.structs.replace(edge, source=source, target=target, origin=None, kind="goto"))
    return edges


def plan_edges(plan: ExecutionPlan) -> list[PlanEdge]:
    """All drawn edges, scope by scope."""
    return list(chain.from_iterable(scope_edges(plan, scope) for scope in plan.scopes))
