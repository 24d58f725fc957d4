"""Horizontal places of ordered layers: each vertex as near to its neighbours' middle as its layer leaves room.

The least-squares place under "at least this far from the left neighbour" is an isotonic regression, which the
pool-adjacent-violators algorithm solves exactly (Barlow, Bartholomew, Bremner, Brunk 1972).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flowray.drawing.layers import LayeredGraph

ROUNDS = 6
NODE_GAP = 36.0
EDGE_GAP = 18.0
DUMMY_WEIGHT = 4.0
"""Long edges give way less than nodes do, which keeps them straight."""


def place_vertices(graph: LayeredGraph, widths: Sequence[float]) -> list[float]:
    """The centre of each vertex in px, the leftmost edge of all being 0. ``widths`` by vertex; dummies have 0."""
    gaps = [_gaps(graph, layer, widths) for layer in graph.layers]
    centres = [0.0] * len(graph.layer_of)
    for layer, gap in zip(graph.layers, gaps, strict=True):
        shift = -sum(gap) / 2
        for vertex, step in zip(layer, gap, strict=True):
            shift += step
            centres[vertex] = shift
    both = [above + below for above, below in zip(graph.above, graph.below, strict=True)]
    order = list(range(len(graph.layers)))
    for _ in range(ROUNDS):
        for neighbours, layers in ((graph.above, order), (graph.below, order[::-1])):
            for index in layers:
                _settle(graph, index, gaps[index], neighbours, centres)
    for index in order:
        _settle(graph, index, gaps[index], both, centres)
    left = min((centre - width / 2 for centre, width in zip(centres, widths, strict=True)), default=0.0)
    return [centre - left for centre in centres]


def _gaps(graph: LayeredGraph, layer: Sequence[int], widths: Sequence[float]) -> list[float]:
    """Least distance of each centre from the one before it in the layer; 0 for the first."""
    gaps = [0.0]
    for left, right in pairwise(layer):
        space = EDGE_GAP if graph.is_dummy(left) or graph.is_dummy(right) else NODE_GAP
        gaps.append((widths[left] + widths[right]) / 2 + space)
    return gaps[: len(layer)]


def _settle(
    graph: LayeredGraph, index: int, gaps: Sequence[float], neighbours: list[list[int]], centres: list[float]
) -> None:
    layer = graph.layers[index]
    wanted, weights, offset, offsets = [], [], 0.0, []
    for vertex, gap in zip(layer, gaps, strict=True):
        near = neighbours[vertex]
        offset += gap
        offsets.append(offset)
        middle = sum(centres[other] for other in near) / len(near) if near else centres[vertex]
        wanted.append(middle - offset)
        weights.append(DUMMY_WEIGHT if graph.is_dummy(vertex) else 1.0 if near else 0.1)
    for vertex, place, offset in zip(layer, monotone(wanted, weights), offsets, strict=True):
        centres[vertex] = place + offset


def monotone(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to ``wanted`` by weighted squares."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(wanted, weights, strict=True):
        mean, total, length = value, weight, 1
        while pools and pools[-1][0] > mean:
            before, before_weight, before_length = pools.pop()
            mean = (before * before_weight + mean * total) / (before_weight + total)
            total += before_weight
            length += before_length
        pools.append((mean, total, length))
    return [mean for mean, _, length in pools for _ in range(length)]
