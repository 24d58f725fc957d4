"""Stage 2: which nodes belong to the body of which loop or parallel. The sentinels START and END stand for a body's
border: the plan keeps them implicit, as the scope's start nodes and its container."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flowray.compiler.bodies import infer_body, reach_within
from flowray.compiler.graph import CONTAINERS, Graph, Link
from flowray.compiler.handles import BODY, ERROR, GOTO, SOURCE
from flowray.compiler.paths import Paths
from flowray.compiler.reads import NodeReads
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.node_type import Role
from flowray.plan import ROOT

MAX_CONTAINERS = 500
MAX_INFERRED = 100
"""Loops and parallels of one definition, and unmarked ones among them: each costs walks through the whole graph."""


@dataclass(frozen=True)
class Body:
    """The nodes inside a container, nested ones included. ``inferred``: the author drew no border (R18)."""

    members: frozenset[str]
    inferred: bool = False


@dataclass(frozen=True)
class Scopes:
    """``bodies`` by container, outer ones first; ``scope_of`` maps each node to its innermost container or ROOT."""

    bodies: dict[str, Body]
    scope_of: dict[str, str]

    def chain(self, node_id: str) -> list[str]:
        """The scopes around a node, from the root inwards."""
        chain = []
        scope = self.scope_of[node_id]
        while scope != ROOT:
            chain.append(scope)
            scope = self.scope_of[scope]
        return [ROOT, *reversed(chain)]


def construct_loops(graph: Graph, paths: Paths, reads: Mapping[str, NodeReads], diagnostics: Diagnostics) -> Scopes:
    """Find the body of every reachable container, outer ones before inner ones.

    A body is marked by ``parentId``, by edges that lead back to the container, or by the handles of body and exit;
    without any mark it is inferred (R18) and reported.
    """
    reachable = frozenset(paths.reachable)
    _check_parents(graph, diagnostics)
    bodies: dict[str, Body] = {}
    cut: set[str] = set()
    containers = _containers_by_depth(graph, paths)
    if len(containers) > MAX_CONTAINERS:
        _refuse_many(f"{len(containers)} loops and parallels", MAX_CONTAINERS, "Split it.", diagnostics)
        containers = []
    for container in containers:
        if sum(body.inferred for body in bodies.values()) >= MAX_INFERRED:
            _refuse_many("too many loops without a marked body", MAX_INFERRED, "Mark the bodies.", diagnostics)
            break
        body = _find_body(graph, container, reachable, cut, reads)
        body = _fit(container, body, bodies, diagnostics)
        bodies[container] = body
        cut |= {link.id for link in graph.incoming[container] if link.source in body.members}
        _report(graph, container, body, diagnostics)
    scopes = Scopes(bodies, _innermost(paths, bodies))
    _check_cycles(graph, scopes, diagnostics)
    return scopes


def _find_body(
    graph: Graph, container: str, reachable: frozenset[str], cut: set[str], reads: Mapping[str, NodeReads]
) -> Body:
    if container in graph.implicit:
        return Body(graph.implicit[container] & reachable)
    children = _children(graph, container) & reachable
    if children:
        return Body(children)
    links = [link for link in graph.outgoing[container] if link.handle not in (ERROR, GOTO)]
    into = [link for link in links if link.handle == BODY]
    ahead = reach_within(graph, [link.target for link in (into or links)], blocked={container}, cut=cut)
    back = [link for link in graph.incoming[container] if link.source in ahead and link.id not in cut]
    if back:
        return Body(with_leaves(graph, _natural_body(graph, container, ahead, back), blocked={container}))
    beyond = [link.target for link in links if link.handle != BODY]
    if into and beyond:
        return Body(frozenset(ahead - reach_within(graph, beyond, blocked={container}, cut=cut)))
    seeds = [link.target for link in links if link.handle in (BODY, SOURCE)]
    inferred = infer_body(graph, container, seeds, reachable, cut, reads)
    return Body(with_leaves(graph, inferred, blocked={container}), inferred=True)


def _children(graph: Graph, container: str) -> frozenset[str]:
    """Nodes whose ``parentId`` chain leads to the container."""
    found: set[str] = set()
    for node_id, node in graph.nodes.items():
        parent, seen = node.parent_id, set()
        while parent is not None and parent in graph.nodes and parent not in seen:
            if parent == container:
                found.add(node_id)
                break
            seen.add(parent)
            parent = graph.nodes[parent].parent_id
    return frozenset(found)


def _natural_body(graph: Graph, container: str, ahead: set[str], back: list[Link]) -> frozenset[str]:
    """What lies on a way from the container back to it, and what such nodes lead to unconditionally.

    The second part keeps a log or a notification, drawn beside the way back, in the iteration: as an exit edge (R4) it
    would end the loop in its first round. Only a branch can leave a loop.
    """
    members = {link.source for link in back}
    stack = list(members)
    while stack:
        for link in graph.incoming[stack.pop()]:
            if link.source in ahead and link.source != container and link.source not in members:
                members.add(link.source)
                stack.append(link.source)
    stack = list(members)
    while stack:
        for link in graph.outgoing[stack.pop()]:
            target = link.target
            if link.handle != SOURCE or target in members or target == container or target not in ahead:
                continue
            if graph.role(link.source) is Role.BRANCH or graph.role(target) is Role.OUTPUT:
                continue
            if all(feeder.source in members for feeder in graph.incoming[target]):
                members.add(target)
                stack.append(target)
    return frozenset(members)


def with_leaves(graph: Graph, members: frozenset[str], blocked: Collection[str]) -> frozenset[str]:
    """A body with the ways from it to nodes that break or continue it: nothing leads back from these, so nothing else
    tells that they belong to it. Such a way passes no other loop or parallel.
    """
    leaves = {node_id for node_id in graph.nodes if graph.role(node_id) is Role.LEAVE} - members
    if not leaves:
        return members
    others = {node_id for node_id in graph.nodes if graph.role(node_id) in CONTAINERS} - members
    ahead = reach_within(graph, members, blocked={*blocked, *others}, cut=())
    found = leaves & ahead
    stack = list(found)
    while stack:
        for link in graph.incoming[stack.pop()]:
            if link.source in ahead and link.source not in members and link.source not in found:
                found.add(link.source)
                stack.append(link.source)
    return members | found


def _fit(container: str, body: Body, bodies: Mapping[str, Body], diagnostics: Diagnostics) -> Body:
    """Make bodies nest: an inferred one gives way, two drawn ones that overlap are an error."""
    members = body.members - {container}
    for other, outer in bodies.items():
        allowed = outer.members if container in outer.members else members - outer.members - {other}
        if members <= allowed:
            continue
        if body.inferred:
            members &= allowed
            continue
        diagnostics.error(
            DiagnosticCode.BODY_OVERLAP,
            f"The bodies of {other!r} and {container!r} overlap without one holding the other.",
            node_id=container,
            pointer=pointer("nodes", container),
            hint="Draw the inner loop completely inside the outer one.",
        )
        members &= allowed
    return Body(frozenset(members), body.inferred)


def _innermost(paths: Paths, bodies: Mapping[str, Body]) -> dict[str, str]:
    scope_of = dict.fromkeys(paths.reachable, ROOT)
    # Outer containers come first, so an inner one overwrites.
    for container, body in bodies.items():
        for member in body.members:
            scope_of[member] = container
    return scope_of


def _containers_by_depth(graph: Graph, paths: Paths) -> list[str]:
    if not any(graph.role(node_id) in CONTAINERS for node_id in paths.reachable):
        return []
    found: dict[str, None] = {}
    seen = set(paths.starts)
    queue = deque(paths.starts)
    while queue:
        node_id = queue.popleft()
        if graph.role(node_id) in CONTAINERS:
            found[node_id] = None
        targets = [link.target for link in graph.outgoing[node_id]]
        for target in (*targets, *graph.body_roots.get(node_id, ())):
            if target not in seen:
                seen.add(target)
                queue.append(target)
    # A container drawn inside another by parentId comes after it, whatever the edges say.
    return sorted(found, key=lambda node_id: _nesting(graph, node_id))


def _nesting(graph: Graph, node_id: str) -> int:
    depth, seen = 0, {node_id}
    parent = graph.nodes[node_id].parent_id
    while parent is not None and parent in graph.nodes and parent not in seen:
        seen.add(parent)
        depth += 1
        parent = graph.nodes[parent].parent_id
    return depth


def _refuse_many(what: str, limit: int, hint: str, diagnostics: Diagnostics) -> None:
    diagnostics.error(
        DiagnosticCode.TOO_MANY_CONTAINERS,
        f"The workflow has {what}; the limit is {limit}.",
        pointer="/nodes",
        hint=hint,
    )


def _check_cycles(graph: Graph, scopes: Scopes, diagnostics: Diagnostics) -> None:
    """A cycle in a body that is itself a guess would be a guess about a guess (R18)."""
    for container in graph.implicit:
        around = scopes.scope_of.get(container, ROOT)
        if around != ROOT and scopes.bodies[around].inferred:
            diagnostics.error(
                DiagnosticCode.CYCLE,
                f"A cycle of nodes lies in the loop {around!r}, whose body is not marked.",
                node_id=next(head for head, loop in graph.heads.items() if loop == container),
                pointer=pointer("nodes", around),
                hint=f"Mark the body of {around!r} with the handles 'loop-body' and 'loop-exit'.",
            )


def _check_parents(graph: Graph, diagnostics: Diagnostics) -> None:
    for node_id, node in graph.nodes.items():
        if node.parent_id is None:
            continue
        known = node.parent_id in graph.nodes and node.parent_id != node_id
        if not known or graph.role(node.parent_id) not in CONTAINERS:
            diagnostics.error(
                DiagnosticCode.INVALID_PARENT,
                f"Node {node_id!r} lies in {node.parent_id!r}, which is no other loop or parallel of this workflow.",
                node_id=node_id,
                pointer=pointer("nodes", node_id, "parentId"),
                hint="Set parentId to the id of a loop or parallel node, or leave it out.",
            )


def _report(graph: Graph, container: str, body: Body, diagnostics: Diagnostics) -> None:
    where = pointer("nodes", container)
    if not body.members:
        diagnostics.warning(
            DiagnosticCode.EMPTY_BODY,
            f"Nothing is repeated by {container!r}: its body is empty.",
            node_id=container,
            pointer=where,
            hint="Connect the first node of the body with the handle 'loop-body'.",
        )
    elif body.inferred:
        members = ", ".join(n for n in graph.nodes if n in body.members and n not in graph.implicit)
        diagnostics.warning(
            DiagnosticCode.BODY_INFERRED,
            f"The body of {container!r} is not marked; these nodes are repeated: {members}.",
            node_id=container,
            pointer=where,
            hint="Mark it with the handles 'loop-body' and 'loop-exit', or with an edge back to the loop.",
        )
