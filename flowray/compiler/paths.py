"""Stage 1: where an execution begins, what it can reach, and whether the graph can be put in order. Ignores scopes."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from flowray.compiler.graph import CONTAINERS, Graph
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.node_type import Role

_MOST_LEADING_LOOPS = 20
"""Containers tried as the first node of a workflow without roots: each costs a walk through the whole graph."""


@dataclass(frozen=True)
class Paths:
    """``starts`` in the author's order, the trigger among them; ``reachable`` in the author's order."""

    trigger: str | None
    starts: tuple[str, ...]
    reachable: tuple[str, ...]


def construct_paths(
    graph: Graph,
    entry_point: str | None,
    trigger: str | None,
    diagnostics: Diagnostics,
    error_handler: str | None = None,
) -> Paths:
    """Choose the start nodes (R2) and walk everything they reach; report the rest as unreachable.

    Start nodes are the root above the chosen trigger, or above the entry point, and every root of a source type. What
    the error handler reaches is reachable, too, but starts nothing.
    """
    inside = {node_id for members in graph.body_roots.values() for node_id in members}
    roots = [node_id for node_id in graph.nodes if node_id not in inside and not feeders(graph, node_id)]
    if error_handler in roots:
        roots.remove(error_handler)
    chosen = _chosen(graph, roots, entry_point, trigger, diagnostics)
    if chosen is None:
        return Paths(None, (), ())
    begin = root_above(graph, chosen)
    sources = {node_id for node_id in roots if graph.role(node_id) is Role.SOURCE}
    starts = tuple(node_id for node_id in graph.nodes if node_id == begin or node_id in sources)
    reached = reach((*starts, error_handler) if error_handler in graph.nodes else starts, graph)
    for node_id in graph.nodes:
        if node_id not in reached:
            diagnostics.warning(
                DiagnosticCode.UNREACHABLE_NODE,
                f"Node {node_id!r} is never run: no path leads to it from {begin!r}.",
                node_id=node_id,
                pointer=pointer("nodes", node_id),
                hint="Connect it, or start the execution with this trigger.",
            )
    return Paths(begin, starts, tuple(n for n in graph.nodes if n in reached))


def feeders(graph: Graph, node_id: str) -> list[str]:
    """The other nodes whose edges lead to a node."""
    return [link.source for link in graph.incoming[node_id] if link.source != node_id]


def root_above(graph: Graph, node_id: str) -> str:
    """The nearest node without feeders from which ``node_id`` can be reached, itself if it is one (R2).

    In a cycle without such a node it is ``node_id`` itself.
    """
    seen = {node_id}
    queue = deque([node_id])
    while queue:
        current = queue.popleft()
        above = feeders(graph, current)
        if not above:
            return current
        for source in above:
            if source not in seen:
                seen.add(source)
                queue.append(source)
    return node_id


def reach(starts: Iterable[str], graph: Graph) -> set[str]:
    """All nodes that can be reached from ``starts``, which belong to them. A container reaches its body."""
    seen = set(starts)
    stack = list(seen)
    while stack:
        node_id = stack.pop()
        targets = [link.target for link in graph.outgoing[node_id]]
        for target in (*targets, *graph.body_roots.get(node_id, ())):
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return seen


def topological_order(
    nodes: Collection[str], successors: Mapping[str, Collection[str]]
) -> tuple[list[str], dict[str, int]]:
    """``(order, depths)``: every node after its predecessors, otherwise in the given order; depth = longest way to it.

    Nodes on or behind a cycle are missing from both. Successors outside ``nodes`` are ignored.
    """
    rank = {node_id: position for position, node_id in enumerate(nodes)}
    names = list(rank)
    waiting = dict.fromkeys(names, 0)
    for node_id in names:
        for successor in successors.get(node_id, ()):
            if successor in waiting:
                waiting[successor] += 1
    depths = {node_id: 0 for node_id in names if waiting[node_id] == 0}
    ready = [rank[node_id] for node_id in depths]
    order: list[str] = []
    while ready:
        node_id = names[heapq.heappop(ready)]
        order.append(node_id)
        for successor in successors.get(node_id, ()):
            if successor in waiting:
                waiting[successor] -= 1
                depths[successor] = max(depths.get(successor, 0), depths[node_id] + 1)
                if waiting[successor] == 0:
                    heapq.heappush(ready, rank[successor])
    return order, {node_id: depths[node_id] for node_id in order}


def find_cycle(nodes: Iterable[str], successors: Mapping[str, Collection[str]]) -> list[str]:
    """One cycle as ``[a, b, a]``, or an empty list. Give it the nodes that a topological order left over."""
    remaining = set(nodes)
    done: set[str] = set()
    for start in [node_id for node_id in successors if node_id in remaining]:
        path: list[str] = []
        on_path: dict[str, int] = {}
        iterators = [(start, iter(successors.get(start, ())))] if start not in done else []
        if iterators:
            path.append(start)
            on_path[start] = 0
        while iterators:
            node_id, following = iterators[-1]
            advanced = False
            for successor in following:
                if successor in on_path:
                    return [*path[on_path[successor] :], successor]
                if successor in remaining and successor not in done:
                    on_path[successor] = len(path)
                    path.append(successor)
                    iterators.append((successor, iter(successors.get(successor, ()))))
                    advanced = True
                    break
            if not advanced:
                iterators.pop()
                path.pop()
                del on_path[node_id]
                done.add(node_id)
    return []


def execution_levels(depths: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    """Nodes grouped by depth, for display only: execution knows no levels."""
    levels: dict[int, list[str]] = {}
    for node_id, depth in depths.items():
        levels.setdefault(depth, []).append(node_id)
    return tuple(tuple(levels[depth]) for depth in sorted(levels))


def _chosen(
    graph: Graph, roots: list[str], entry_point: str | None, trigger: str | None, diagnostics: Diagnostics
) -> str | None:
    for wanted, where, what in ((trigger, "", "trigger"), (entry_point, "/entryPoint", "entry point")):
        if wanted is None:
            continue
        if wanted in graph.nodes:
            return wanted
        diagnostics.error(
            DiagnosticCode.UNKNOWN_ENTRY_POINT,
            f"The {what} {wanted!r} is not a node of this workflow.",
            node_id=wanted,
            pointer=where,
            hint="Set it to the id of the node where execution begins.",
        )
        return None
    if roots:
        return next((n for n in roots if graph.role(n) is Role.SOURCE), roots[0])
    loop = _leading_loop(graph)
    if loop is not None:
        return loop
    if graph.nodes:
        diagnostics.error(
            DiagnosticCode.MISSING_TRIGGER,
            "No node can start: every node waits for another one.",
            pointer="/entryPoint",
            hint="Set entryPoint, or remove the edge that closes the cycle.",
        )
    return None


def _leading_loop(graph: Graph) -> str | None:
    """A container that only its own body leads back to: the first node of a workflow may be a loop."""
    containers = [node_id for node_id in graph.nodes if graph.role(node_id) in CONTAINERS]
    for node_id in containers[:_MOST_LEADING_LOOPS]:
        if set(feeders(graph, node_id)) <= reach([node_id], graph):
            return node_id
    return None
