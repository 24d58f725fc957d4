"""Execution plan → layout: each scope is layered by itself, innermost first; its container is one box in the parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowray.drawing.coordinates import place_vertices
from flowray.drawing.edges import scope_edges
from flowray.drawing.geometry import Box, Layout, Point, Route
from flowray.drawing.labels import subtitle_of, title_of
from flowray.drawing.layers import LayeredGraph, layer_graph
from flowray.drawing.ordering import order_layers
from flowray.plan import ROOT, ExecutableNode, ExecutionPlan, PlanEdge

NODE_HEIGHT = 48.0
MIN_NODE_WIDTH = 132.0
MAX_NODE_WIDTH = 268.0
NODE_FURNITURE = 58.0
"""Width of what stands beside a node's text: the status sign and the paddings."""

TITLE_CHAR = 7.8
SUBTITLE_CHAR = 6.3
"""Mean widths of characters at 13 and 11 px in common sans-serif fonts; the text is measured nowhere else."""

LAYER_GAP = 58.0
GROUP_HEADER = 40.0
GROUP_PADDING = 18.0
GROUP_FURNITURE = 110.0
"""As NODE_FURNITURE, for a header of one line with a badge such as ``3/10``."""

SELF_LOOP = 14.0
PORT_SPREAD = 0.6
"""Share of a node's lower side over which its handles are spread."""


def layout(plan: ExecutionPlan) -> Layout:
    """Places for all nodes, containers and edges of a plan. Deterministic; 500 nodes take well under half a second."""
    drawn: dict[str, _Drawing] = {}
    for scope in _inner_first(plan):
        drawn[scope] = _draw_scope(plan, scope, drawn)
    root = drawn[ROOT]
    nodes: dict[str, Box] = {}
    groups: dict[str, Box] = {}
    routes: dict[str, Route] = {}
    pending: list[tuple[str, float, float]] = [(ROOT, 0.0, 0.0)]
    while pending:
        scope, dx, dy = pending.pop()
        for node_id, box in drawn[scope].boxes.items():
            placed = box.moved(dx, dy)
            if node_id in drawn:
                groups[node_id] = placed
                pending.append((node_id, *_body_corner(placed, drawn[node_id].width)))
            else:
                nodes[node_id] = placed
        routes.update({edge_id: route.moved(dx, dy) for edge_id, route in drawn[scope].routes.items()})
    in_order = [node_id for node_id in plan.nodes if node_id in nodes or node_id in groups]
    return Layout(
        nodes={node_id: nodes[node_id] for node_id in in_order if node_id in nodes},
        groups={node_id: groups[node_id] for node_id in in_order if node_id in groups},
        routes=routes,
        width=root.width,
        height=root.height,
    )


@dataclass(frozen=True)
class _Drawing:
    """One scope by itself, from its own upper left corner.

    ``exits``: by edge id the way of each exit edge of the parent (R4) from its origin to the lower side.
    """

    boxes: dict[str, Box]
    routes: dict[str, Route]
    exits: dict[str, Route]
    width: float
    height: float


def _inner_first(plan: ExecutionPlan) -> list[str]:
    outer_first = [ROOT]
    for scope in outer_first:
        outer_first.extend(node_id for node_id in plan.scopes[scope].nodes if node_id in plan.scopes)
    return outer_first[::-1]


def _draw_scope(plan: ExecutionPlan, scope: str, inner: Mapping[str, _Drawing]) -> _Drawing:
    content = plan.scopes[scope]
    number = {node_id: index for index, node_id in enumerate(content.nodes)}
    drawn = scope_edges(plan, scope)
    edges = [edge for edge in drawn if edge.source != edge.target]
    exits = _exits(plan, scope)
    ends = range(len(number), len(number) + len(exits))
    joined = [(number[edge.source], number[edge.target]) for edge in edges]
    joined += [(number[str(edge.origin)], end) for edge, end in zip(exits, ends, strict=True)]
    graph = layer_graph(len(number) + len(exits), joined, ends)
    order_layers(graph)
    sizes = [_size(plan.nodes[node_id], inner.get(node_id)) for node_id in content.nodes] + [(0.0, 0.0)] * len(exits)
    dummies = len(graph.layer_of) - graph.real
    centres = place_vertices(graph, [width for width, _ in sizes] + [0.0] * dummies)
    tops, heights = _rows(graph, [height for _, height in sizes])
    boxes = [
        Box(
            centres[vertex] - width / 2,
            tops[graph.layer_of[vertex]] + (heights[graph.layer_of[vertex]] - height) / 2,
            width,
            height,
        )
        for vertex, (width, height) in enumerate(sizes)
    ]
    links = [
        _Link(edge.id, source, target, edge.handle, _inside(edge, number, boxes, inner))
        for edge, (source, target) in zip([*edges, *exits], joined, strict=True)
    ]
    routes = _Router(graph, boxes, centres, tops, heights).routes(links)
    return _Drawing(
        boxes={node_id: boxes[vertex] for node_id, vertex in number.items()},
        routes={edge.id: routes.get(edge.id) or _around(edge, boxes[number[edge.source]]) for edge in drawn},
        exits={edge.id: routes[edge.id] for edge in exits},
        width=max([*centres, *(box.x + box.width for box in boxes)], default=0.0),
        height=tops[-1] + heights[-1] if tops else 0.0,
    )


def _exits(plan: ExecutionPlan, scope: str) -> list[PlanEdge]:
    if scope == ROOT:
        return []
    inside = set(plan.scopes[scope].nodes)
    return [edge for edge in plan.scopes[plan.nodes[scope].scope].edges if edge.origin in inside]


def _around(edge: PlanEdge, box: Box) -> Route:
    """The way of an edge from a node to itself: around its right side."""
    x, right = box.x + box.width - SELF_LOOP, box.x + box.width + SELF_LOOP
    low, high = box.bottom + SELF_LOOP, box.y - SELF_LOOP
    return Route(edge.id, ((x, box.bottom), (x, low), (right, low), (right, high), (x, high), (x, box.y)))


def _inside(
    edge: PlanEdge, number: Mapping[str, int], boxes: Sequence[Box], inner: Mapping[str, _Drawing]
) -> Route | None:
    """The first part of an edge that begins in the body of a container of this scope."""
    body = inner.get(edge.source)
    if body is None or edge.id not in body.exits:
        return None
    return body.exits[edge.id].moved(*_body_corner(boxes[number[edge.source]], body.width))


def _body_corner(group: Box, body_width: float) -> Point:
    """Upper left corner of a body in its group, whose header may be wider."""
    return group.x + (group.width - body_width) / 2, group.y + GROUP_HEADER


def _size(node: ExecutableNode, body: _Drawing | None) -> tuple[float, float]:
    title, subtitle = len(title_of(node)) * TITLE_CHAR, len(subtitle_of(node)) * SUBTITLE_CHAR
    if body is None:
        return min(max(title + NODE_FURNITURE, subtitle + NODE_FURNITURE, MIN_NODE_WIDTH), MAX_NODE_WIDTH), NODE_HEIGHT
    header = title + subtitle + GROUP_FURNITURE
    return max(header, body.width + 2 * GROUP_PADDING), body.height + GROUP_HEADER + GROUP_PADDING


def _rows(graph: LayeredGraph, heights: Sequence[float]) -> tuple[list[float], list[float]]:
    """``(tops, heights)`` of the layers."""
    rows = [
        max((heights[vertex] for vertex in layer if not graph.is_dummy(vertex)), default=0.0) for layer in graph.layers
    ]
    tops, top = [], 0.0
    for height in rows:
        tops.append(top)
        top += height + LAYER_GAP
    return tops, rows


@dataclass(frozen=True)
class _Link:
    """What the router must know of an edge. ``inside``: its way within the container that it leaves (R4)."""

    edge_id: str
    source: int
    target: int
    handle: str
    inside: Route | None = None


class _Router:
    """Ways of edges between the boxes of one scope."""

    def __init__(
        self, graph: LayeredGraph, boxes: Sequence[Box], centres: Sequence[float], tops: Sequence[float],
        heights: Sequence[float],
    ) -> None:  # fmt: skip
        self._graph = graph
        self._boxes = boxes
        self._centres = centres
        self._tops = tops
        self._heights = heights

    def routes(self, links: Sequence[_Link]) -> dict[str, Route]:
        """One way per link, by edge id. ``links`` stand in the order of the graph's chains."""
        ports = self._ports(links)
        return {
            link.edge_id: Route(link.edge_id, self._points(link, index, ports[link.source, link.handle]))
            for index, link in enumerate(links)
        }

    def _ports(self, links: Sequence[_Link]) -> dict[tuple[int, str], float]:
        """x of the point at which each handle of each node leaves it: spread in the order in which they part."""
        ends: dict[int, dict[str, list[float]]] = {}
        for index, link in enumerate(links):
            following = self._graph.chains[index][1]
            ends.setdefault(link.source, {}).setdefault(link.handle, []).append(self._centres[following])
        ports = {}
        for vertex, handles in ends.items():
            box = self._boxes[vertex]
            spread = min(box.width, MAX_NODE_WIDTH) * PORT_SPREAD
            ranked = sorted(handles, key=lambda handle: sum(handles[handle]) / len(handles[handle]))
            for rank, handle in enumerate(ranked):
                ports[vertex, handle] = box.centre + spread * ((rank + 0.5) / len(ranked) - 0.5)
        return ports

    def _points(self, link: _Link, index: int, port: float) -> tuple[Point, ...]:
        chain = self._graph.chains[index]
        upwards = index in self._graph.reversed
        upper, lower = self._boxes[chain[0]], self._boxes[chain[-1]]
        points: list[Point] = [(upper.centre if upwards else port, upper.bottom)]
        if link.inside is not None and not upwards:
            points = list(link.inside.points[:-1])
        points.append((points[-1][0], self._bottom(chain[0])))
        for vertex in chain[1:-1]:
            x = self._centres[vertex]
            points += [(x, self._tops[self._graph.layer_of[vertex]]), (x, self._bottom(vertex))]
        points += [(lower.centre, self._tops[self._graph.layer_of[chain[-1]]]), (lower.centre, lower.y)]
        return tuple(reversed(points)) if upwards else tuple(points)

    def _bottom(self, vertex: int) -> float:
        layer = self._graph.layer_of[vertex]
        return self._tops[layer] + self._heights[layer]
