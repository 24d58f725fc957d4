"""The body of a loop whose author marked none (R18). A guess by what reads the item; stages 2's last resort."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from flowray.compiler.graph import CONTAINERS, Graph
from flowray.compiler.handles import ERROR, SOURCE
from flowray.compiler.paths import topological_order
from flowray.compiler.reads import NodeReads
from flowray.definition.node_type import Role

_END = "\0end"
"""Stands behind every terminal node; no author's id can be this."""


def reach_within(graph: Graph, starts: Iterable[str], *, blocked: Collection[str], cut: Collection[str]) -> set[str]:
    """What can be reached from ``starts`` (which belong to it) without entering ``blocked`` or using ``cut`` links."""
    seen = {node_id for node_id in starts if node_id not in blocked}
    stack = list(seen)
    while stack:
        for link in graph.outgoing[stack.pop()]:
            if link.target not in seen and link.target not in blocked and link.id not in cut:
                seen.add(link.target)
                stack.append(link.target)
    return seen


def infer_body(
    graph: Graph,
    container: str,
    seeds: Collection[str],
    reachable: frozenset[str],
    cut: Collection[str],
    reads: Mapping[str, NodeReads],
) -> frozenset[str]:
    """Direct successors and readers of the item, closed under paths and branches, without outputs (R18)."""
    ahead = reach_within(graph, seeds, blocked={container}, cut=cut)
    results = graph.nodes[container].config.get("outputVariable")
    barred = {n for n in ahead if graph.role(n) is Role.OUTPUT or (results and results in reads[n].roots)}
    members = {node_id for node_id in seeds if node_id not in barred}
    members |= _item_readers(graph, container, ahead, cut, reads) - barred
    if len(members) < 2 and not any(_is_branch(graph, node_id) for node_id in members):
        return frozenset(members)  # Nothing to close: no two ends of a path, and no ways that part.
    region = _Region(graph, container, ahead, cut, reachable)
    while True:
        grown = (members | region.between(members) | region.branches(members)) - barred
        if grown == members:
            return frozenset(members)
        members = grown


def item_names(graph: Graph, container: str) -> frozenset[str]:
    """The names under which a body reads the item and the index of its container."""
    config = graph.nodes[container].config
    named = (config.get(key) for key in ("itemVariable", "indexVariable", "item_variable", "index_variable"))
    return frozenset(
        {name for name in named if isinstance(name, str) and name} | {f"{container}_item", f"{container}_index"}
    )


def _item_readers(
    graph: Graph, container: str, ahead: set[str], cut: Collection[str], reads: Mapping[str, NodeReads]
) -> set[str]:
    names = item_names(graph, container)
    readers = {node_id for node_id in ahead if names & reads[node_id].roots.keys()}
    of_loop = {node_id for node_id in ahead if "loop" in reads[node_id].roots}
    if of_loop:
        # Behind another container, loop.* is that one's.
        others = [node_id for node_id in ahead if graph.role(node_id) in CONTAINERS]
        readers |= of_loop - reach_within(graph, others, blocked={container}, cut=cut)
    return readers


class _Region:
    """The nodes ahead of a container, with what the closures need to know of them."""

    def __init__(
        self, graph: Graph, container: str, ahead: set[str], cut: Collection[str], reachable: frozenset[str]
    ) -> None:
        self._graph = graph
        self._ahead = ahead
        nodes = [node_id for node_id in graph.nodes if node_id in ahead and node_id in reachable]
        self._next = {
            node_id: [link.target for link in graph.outgoing[node_id] if link.target in ahead and link.id not in cut]
            for node_id in nodes
        }
        self._previous: dict[str, list[str]] = {node_id: [] for node_id in nodes}
        for node_id, targets in self._next.items():
            for target in targets:
                self._previous[target].append(node_id)
        self._meeting_point = _post_dominators(nodes, self._next)
        self._container = container

    def between(self, members: set[str]) -> set[str]:
        """Nodes on a path from one member to another."""
        return _spread(members, self._next) & _spread(members, self._previous)

    def branches(self, members: set[str]) -> set[str]:
        """What lies between each branch of ``members`` and the point where its ways meet again, that point excluded."""
        found: set[str] = set()
        for node_id in members:
            if not _is_branch(self._graph, node_id):
                continue
            stop = self._meeting_point.get(node_id, _END)
            pending = [target for target in self._next[node_id] if target != stop]
            while pending:
                current = pending.pop()
                if current not in found:
                    found.add(current)
                    pending.extend(target for target in self._next[current] if target != stop)
        return found


def _is_branch(graph: Graph, node_id: str) -> bool:
    if graph.role(node_id) is Role.BRANCH:
        return True
    # A type that is not installed may branch too: its handles tell.
    return node_id in graph.unknown_types and any(
        link.handle not in (SOURCE, ERROR) for link in graph.outgoing[node_id]
    )


def _spread(starts: set[str], following: Mapping[str, list[str]]) -> set[str]:
    seen = set(starts)
    stack = list(starts)
    while stack:
        for target in following.get(stack.pop(), ()):
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return seen


def _post_dominators(nodes: list[str], following: Mapping[str, list[str]]) -> dict[str, str]:
    """For each node the first one that every way from it to the end passes; ``_END`` where there is none.

    One pass in reverse topological order suffices without cycles (Cooper, Harvey, Kennedy: A Simple, Fast Dominance
    Algorithm). Nodes on a cycle are left out.
    """
    order, _ = topological_order(nodes, following)
    height = {_END: 0}
    above: dict[str, str] = {_END: _END}
    for node_id in reversed(order):
        meeting: str | None = None
        for target in following[node_id] or [_END]:
            if target not in above:
                meeting = _END
                break
            meeting = target if meeting is None else _common(meeting, target, above, height)
        above[node_id] = meeting or _END
        height[node_id] = height[above[node_id]] + 1
    return above


def _common(left: str, right: str, above: Mapping[str, str], height: Mapping[str, int]) -> str:
    while left != right:
        if height[left] >= height[right]:
            left = above[left]
        else:
            right = above[right]
    return left
