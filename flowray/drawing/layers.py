"""Nodes → layers from top to bottom, long edges cut into dummies. Sugiyama's first step; no coordinates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_DUMMIES = 4_000
"""Dummies of one scope. Edges beyond them are drawn as one curve: a hub with hundreds of long edges stays cheap."""


@dataclass
class LayeredGraph:
    """Vertices are numbers: the given nodes first, then dummies.

    ``layers`` holds vertices from left to right, ``above[v]`` and ``below[v]`` the neighbours in the next layer up and
    down. ``chains`` has for each edge its vertices from top to bottom; ``reversed`` the edges that close a cycle and
    therefore run upwards.
    """

    layers: list[list[int]]
    layer_of: list[int]
    above: list[list[int]]
    below: list[list[int]]
    chains: list[list[int]]
    reversed: frozenset[int]
    real: int

    def is_dummy(self, vertex: int) -> bool:
        """True for a bend of a long edge."""
        return vertex >= self.real


def layer_graph(count: int, edges: Sequence[tuple[int, int]], bottom: Collection[int] = ()) -> LayeredGraph:
    """Layers of ``count`` nodes under ``edges`` (source, target), none of which joins a node with itself.

    Nodes in ``bottom``, from which no edge leaves, share a last layer of their own.
    """
    backward = _cycle_edges(count, edges)
    downward = [(target, source) if i in backward else (source, target) for i, (source, target) in enumerate(edges)]
    layer_of = _longest_paths(count, downward)
    deepest = max((layer for vertex, layer in enumerate(layer_of) if vertex not in bottom), default=-1)
    layer_of = [deepest + 1 if vertex in bottom else layer for vertex, layer in enumerate(layer_of)]
    graph = LayeredGraph(
        layers=[[] for _ in range(max(layer_of, default=-1) + 1)],
        layer_of=layer_of,
        above=[[] for _ in range(count)],
        below=[[] for _ in range(count)],
        chains=[],
        reversed=backward,
        real=count,
    )
    for vertex, layer in enumerate(layer_of):
        graph.layers[layer].append(vertex)
    for source, target in downward:
        graph.chains.append(_add_chain(graph, source, target))
    return graph


def _add_chain(graph: LayeredGraph, source: int, target: int) -> list[int]:
    first, last = graph.layer_of[source] + 1, graph.layer_of[target]
    if len(graph.layer_of) - graph.real + last - first > MAX_DUMMIES:
        return [source, target]
    chain = [source]
    for layer in range(first, last):
        dummy = len(graph.layer_of)
        graph.layer_of.append(layer)
        graph.layers[layer].append(dummy)
        graph.above.append([])
        graph.below.append([])
        chain.append(dummy)
    chain.append(target)
    for upper, lower in pairwise(chain):
        graph.below[upper].append(lower)
        graph.above[lower].append(upper)
    return chain


def _cycle_edges(count: int, edges: Sequence[tuple[int, int]]) -> frozenset[int]:
    """Edges that lead back to a node on the way from which they were reached, in the given order of nodes."""
    outgoing: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for index, (source, target) in enumerate(edges):
        outgoing[source].append((index, target))
    found: set[int] = set()
    state = [0] * count  # 0 unseen, 1 on the way, 2 done
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(outgoing[root]))]
        while stack:
            vertex, rest = stack[-1]
            step = next(rest, None)
            if step is None:
                state[vertex] = 2
                stack.pop()
            elif state[step[1]] == 1:
                found.add(step[0])
            elif state[step[1]] == 0:
                state[step[1]] = 1
                stack.append((step[1], iter(outgoing[step[1]])))
    return frozenset(found)


def _longest_paths(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Layer of each node: one below its lowest predecessor. Roots sink to just above what they feed."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for source, target in edges:
        outgoing[source].append(target)
        missing[target] += 1
    roots = [vertex for vertex in range(count) if not missing[vertex]]
    layer_of = [0] * count
    queue = list(roots)
    for vertex in queue:
        for target in outgoing[vertex]:
            layer_of[target] = max(layer_of[target], layer_of[vertex] + 1)
            missing[target] -= 1
            if not missing[target]:
                queue.append(target)
    for root in roots:
        if outgoing[root]:
            layer_of[root] = min(layer_of[target] for target in outgoing[root]) - 1
    return layer_of
