"""Cycles that pass through no loop node → loops of their own (R5), before stage 1. What cannot be one stays a cycle."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flowray.compiler.graph import CONTAINERS, Graph, Link
from flowray.compiler.handles import BODY, ERROR, GOTO, SOURCE
from flowray.compiler.loops import with_leaves
from flowray.compiler.paths import construct_paths, topological_order
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.node_type import NodeType, Role
from flowray.definition.policies import Lane
from flowray.definition.workflow import NodeDefinition, WorkflowDefinition

MAX_CYCLES = 100
"""Cycles of one definition that become loops; each costs a walk through the whole graph."""

IMPLICIT_LOOP = NodeType("loop", "A cycle that is repeated as long as it leads back.", role=Role.LOOP, lane=Lane.INLINE)


def close_cycles(graph: Graph, definition: WorkflowDefinition, trigger: str | None, diagnostics: Diagnostics) -> Graph:
    """The graph with a loop around each cycle that a branch can leave, if the dialect has such, or that a goto closes.

    The edges back to the head of a cycle lead to its loop instead, which repeats the body as long as one of them lives.
    """
    for _ in range(MAX_CYCLES):
        components = _components(graph)
        if not components:
            break
        paths = construct_paths(graph, graph.entry(definition.entry_point), graph.entry(trigger), Diagnostics())
        found = next(
            (
                (members, head)
                for members in components
                if (head := _head(graph, members, paths.starts)) is not None
                and _may_repeat(graph, members, head, definition.dialect == "flowmaestro")
            ),
            None,
        )
        if found is None:
            break
        graph = _wrapped(graph, *found, diagnostics)
    return graph


def _components(graph: Graph) -> list[frozenset[str]]:
    """The sets of nodes that lead to each other without a loop node between them, in the author's order.

    Tarjan's algorithm, without recursion: definitions have up to 10,000 nodes.
    """
    following = {
        node_id: [link.target for link in links if graph.role(link.target) not in CONTAINERS]
        for node_id, links in graph.outgoing.items()
        if graph.role(node_id) not in CONTAINERS
    }
    _, placed = topological_order(following.keys(), following)
    left = [node_id for node_id in following if node_id not in placed]  # on a cycle, or behind one
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[frozenset[str]] = []
    for root in left:
        work = [(root, iter(following[root]))] if root not in number else []
        while work:
            node_id, targets = work[-1]
            if node_id not in number:
                number[node_id] = low[node_id] = len(number)
                stack.append(node_id)
                on_stack.add(node_id)
            unseen = None
            for target in targets:
                if target not in number:
                    unseen = target
                    break
                if target in on_stack:
                    low[node_id] = min(low[node_id], number[target])
            if unseen is not None:
                work.append((unseen, iter(following[unseen])))
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node_id])
            if low[node_id] == number[node_id]:
                members = frozenset(stack[stack.index(node_id) :])
                del stack[len(stack) - len(members) :]
                on_stack -= members
                if len(members) > 1 or node_id in following[node_id]:
                    found.append(members)
    rank = {node_id: position for position, node_id in enumerate(graph.nodes)}
    return sorted(found, key=lambda members: min(rank[node_id] for node_id in members))


def _head(graph: Graph, members: frozenset[str], starts: Collection[str]) -> str | None:
    """The only node by which the cycle is entered; None if there are several, or none."""
    entered = [
        node_id
        for node_id in members
        if node_id in starts or any(link.source not in members for link in graph.incoming[node_id])
    ]
    return entered[0] if len(entered) == 1 else None


def _may_repeat(graph: Graph, members: frozenset[str], head: str, dialect_has_cycles: bool) -> bool:
    """Whether the cycle can end: no way round is unconditional, and a node that may go round may also leave."""
    inside = [link for link in graph.links if link.source in members and link.target in members]
    always: dict[str, list[str]] = {node_id: [] for node_id in members}
    for link in inside:
        if not _is_choice(graph, link):
            always[link.source].append(link.target)
    if len(topological_order(members, always)[0]) < len(members):
        return False
    if all(link.handle == GOTO for link in inside if link.target == head):
        return True
    choosers = {link.source for link in inside if _is_choice(graph, link)}
    leaves = any(link.target not in members for node_id in choosers for link in graph.outgoing[node_id])
    return dialect_has_cycles and leaves


def _is_choice(graph: Graph, link: Link) -> bool:
    """Whether an edge lives only for some results of its source."""
    if link.handle in (ERROR, GOTO):
        return True
    may_choose = graph.role(link.source) is Role.BRANCH or link.source in graph.unknown_types
    return may_choose and link.handle != SOURCE


def _body(graph: Graph, members: frozenset[str]) -> frozenset[str]:
    """The cycle with what it leads to unconditionally: a log beside the way round is no way out of it."""
    choosers = {link.source for link in graph.links if link.target in members and _is_choice(graph, link)}
    body = set(members)
    pending = list(members)
    while pending:
        for link in graph.outgoing[pending.pop()]:
            target = link.target
            if target in body or link.source in choosers or _is_choice(graph, link):
                continue
            if graph.role(target) in (Role.OUTPUT, *CONTAINERS) or graph.role(link.source) is Role.BRANCH:
                continue
            if all(feeder.source in body for feeder in graph.incoming[target]):
                body.add(target)
                pending.append(target)
    return with_leaves(graph, frozenset(body), blocked=())


def _wrapped(graph: Graph, members: frozenset[str], head: str, diagnostics: Diagnostics) -> Graph:
    container = f"{head}__cycle"
    while container in graph.nodes:
        container += "_"
    body = _body(graph, members)
    back = [link for link in graph.incoming[head] if link.source in members]
    wrapped = Graph(unknown_types=graph.unknown_types, body_roots=graph.body_roots)
    for node_id, node in graph.nodes.items():
        if node_id == head:
            name = f"Cycle at {node.name or node_id}"
            wrapped.nodes[container] = NodeDefinition(type=IMPLICIT_LOOP.name, name=name, parent_id=node.parent_id)
        wrapped.nodes[node_id] = node
    wrapped.types = {**graph.types, container: IMPLICIT_LOOP}
    wrapped.implicit = {
        other: nodes | ({container} if head in nodes else frozenset()) for other, nodes in graph.implicit.items()
    }
    wrapped.implicit[container] = body
    wrapped.heads = {**graph.heads, head: container}
    wrapped.outgoing = {node_id: [] for node_id in wrapped.nodes}
    wrapped.incoming = {node_id: [] for node_id in wrapped.nodes}
    # First, so that the head is known as the body's start before the edges that lead back to it are placed.
    wrapped.add(Link(f"{container}-[{BODY}]->{head}", container, head, BODY))
    for link in graph.links:
        wrapped.add(_redirected(link, container) if link.target == head else link)
    _report(graph, body, head, back, diagnostics)
    return wrapped


def _redirected(link: Link, target: str) -> Link:
    return Link(link.id, link.source, target, link.handle, link.label, link.position)


def _report(graph: Graph, body: Collection[str], head: str, back: Iterable[Link], diagnostics: Diagnostics) -> None:
    links = list(back)
    names = ", ".join(node_id for node_id in graph.nodes if node_id in body)
    closing = " and ".join(f"{link.source!r} → {head!r}" for link in links)
    drawn = next((link for link in links if link.position >= 0), None)
    diagnostics.warning(
        DiagnosticCode.IMPLICIT_LOOP,
        f"The edge {closing} closes a cycle; these nodes are repeated as long as it is taken: {names}.",
        node_id=head,
        pointer=pointer("edges", drawn.position)
        if drawn is not None
        else pointer("nodes", links[0].source, "onError", "gotoNode"),
        hint="Draw it as a while loop with maxIterations; a cycle fails after 100 rounds.",
    )
