"""A plan's drawing as plain data: what the SVG is made of and the page draws by itself. No markup, no statuses."""

from __future__ import annotations

from typing import Any

from flowray.drawing.edges import plan_edges
from flowray.drawing.geometry import Box, Route
from flowray.drawing.labels import describe, kind_of, label_of, subtitle_of, title_of
from flowray.drawing.layout import layout
from flowray.plan import ExecutableNode, ExecutionPlan, PlanEdge

MARGIN = 20.0


def layout_view(plan: ExecutionPlan) -> dict[str, Any]:
    """``{width, height, nodes[], groups[], edges[]}`` in px, y downwards, in plan order; groups outer ones first.

    ``nodes[]`` and ``groups[]``: ``{id, x, y, width, height, title, subtitle, label, role, parent}``; a group is a loop
    or parallel around its body and is a node of the plan too. ``label`` is the full text for screen readers, ``parent``
    the group around it or null. ``edges[]``: ``{id, source, target, handle, kind, path, tip {x, y, up}, label {text, x,
    y} or null}``; ``kind`` is flow, error, goto, exit or ordering, ``path`` an SVG path, ``tip`` its end.
    """
    placed = layout(plan)
    return {
        "width": _px(placed.width + 2 * MARGIN),
        "height": _px(placed.height + 2 * MARGIN),
        "nodes": [_node_view(plan.nodes[node_id], box) for node_id, box in placed.nodes.items()],
        "groups": [_node_view(plan.nodes[group_id], box) for group_id, box in placed.groups.items()],
        "edges": [_edge_view(edge, placed.routes[edge.id]) for edge in plan_edges(plan)],
    }


def _node_view(node: ExecutableNode, box: Box) -> dict[str, Any]:
    return {
        "id": node.id,
        "x": _px(box.x + MARGIN),
        "y": _px(box.y + MARGIN),
        "width": _px(box.width),
        "height": _px(box.height),
        "title": title_of(node),
        "subtitle": subtitle_of(node),
        "label": describe(node),
        "role": node.role.value,
        "parent": node.scope or None,
    }


def _edge_view(edge: PlanEdge, route: Route) -> dict[str, Any]:
    moved = route.moved(MARGIN, MARGIN)
    (_, before_y), (tip_x, tip_y) = moved.points[-2:]
    if before_y == tip_y and len(moved.points) > 2:
        before_y = moved.points[-3][1]
    text = label_of(edge)
    x, y = moved.label_at
    return {
        "id": edge.id,
        "source": edge.origin or edge.source,
        "target": edge.target,
        "handle": edge.handle,
        "kind": kind_of(edge),
        "path": moved.path(),
        "tip": {"x": _px(tip_x), "y": _px(tip_y), "up": before_y > tip_y},
        "label": {"text": text, "x": _px(x), "y": _px(y)} if text else None,
    }


def _px(value: float) -> float:
    return round(value, 1)
