"""The order within layers that makes few edges cross: barycentre sweeps. The second step of Sugiyama's method."""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise

from flowray.drawing.layers import LayeredGraph

SWEEPS = 12
LARGE_VERTICES = 2_000
LARGE_SWEEPS = 4
PATIENCE = 4
"""Sweeps without fewer crossings after which the best order so far is kept."""


def order_layers(graph: LayeredGraph) -> None:
    """Reorder ``graph.layers`` in place. Deterministic: ties keep their order."""
    sweeps = SWEEPS if len(graph.layer_of) <= LARGE_VERTICES else LARGE_SWEEPS
    position = [0] * len(graph.layer_of)
    for layer in graph.layers:
        _number(layer, position)
    best, fewest, idle = [list(layer) for layer in graph.layers], crossings(graph), 0
    for sweep in range(sweeps):
        if not fewest or idle >= PATIENCE:
            break
        downwards = sweep % 2 == 0
        for layer in graph.layers if downwards else reversed(graph.layers):
            _sort(layer, graph.above if downwards else graph.below, position)
        crossed = crossings(graph)
        idle = 0 if crossed < fewest else idle + 1
        if crossed < fewest:
            best, fewest = [list(layer) for layer in graph.layers], crossed
    graph.layers[:] = best


def crossings(graph: LayeredGraph) -> int:
    """How many pairs of edges cross between neighbouring layers."""
    total = 0
    for upper, lower in pairwise(graph.layers):
        place = {vertex: index for index, vertex in enumerate(lower)}
        seen: list[int] = []
        for vertex in upper:
            ends = sorted(place[target] for target in graph.below[vertex])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _sort(layer: list[int], neighbours: list[list[int]], position: list[int]) -> None:
    def barycentre(vertex: int) -> float:
        near = neighbours[vertex]
        return sum(position[other] for other in near) / len(near) if near else float(position[vertex])

    layer.sort(key=barycentre)
    _number(layer, position)


def _number(layer: list[int], position: list[int]) -> None:
    for index, vertex in enumerate(layer):
        position[vertex] = index
