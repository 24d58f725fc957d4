"""Stage 4: the author's edges → edges of scopes (R1, R4), and the plan order that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flowray.compiler.graph import CONTAINERS, Graph, Link, has_error_edge
from flowray.compiler.handles import BODY, ERROR, EXIT, GOTO, SOURCE
from flowray.compiler.loops import Scopes
from flowray.compiler.paths import find_cycle, topological_order
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.node_type import Role
from flowray.plan import ROOT, PlanEdge


@dataclass
class ScopeEdges:
    """Edges and start nodes of one scope definition while they are collected; ``repeats`` lead back in a cycle (R5)."""

    members: list[str] = field(default_factory=list)
    edges: list[PlanEdge] = field(default_factory=list)
    starts: dict[str, None] = field(default_factory=dict)
    repeats: list[PlanEdge] = field(default_factory=list)


@dataclass
class Order:
    """``scopes``: scope → nodes in order. ``depths``: node → level. ``rank``: node → place in the whole plan."""

    scopes: dict[str, list[str]] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    rank: dict[str, int] = field(default_factory=dict)


def construct_edges(
    graph: Graph, scopes: Scopes, starts: Iterable[str], diagnostics: Diagnostics
) -> dict[str, ScopeEdges]:
    """Each edge goes to the innermost scope that holds both its ends; what crosses a border otherwise is refused."""
    found = {scope: ScopeEdges() for scope in (ROOT, *scopes.bodies)}
    for node_id, scope in scopes.scope_of.items():
        found[scope].members.append(node_id)
    found[ROOT].starts = dict.fromkeys(node_id for node_id in starts if scopes.scope_of[node_id] == ROOT)
    continued: set[tuple[str, str]] = set()
    for link in graph.links:
        if link.source in scopes.scope_of and link.target in scopes.scope_of:
            _place(graph, scopes, link, found, continued, diagnostics)
    for container in scopes.bodies:
        _ensure_starts(found[container])
    _check_joins(graph, diagnostics)
    _check_leaves(graph, scopes, diagnostics)
    _check_error_ports(graph, scopes, diagnostics)
    return found


def order_scopes(graph: Graph, scopes: Scopes, edges: dict[str, ScopeEdges], diagnostics: Diagnostics) -> Order:
    """Plan order: every node after what it waits for, a body right after its container, else as the author wrote.

    A cycle is an error: outside loops nothing may wait for itself.
    """
    order = Order()
    for scope, content in edges.items():
        following = successors(content)
        ordered, depths = topological_order(content.members, following)
        if len(ordered) < len(content.members):
            _report_cycle(graph, content.members, ordered, following, diagnostics)
        order.scopes[scope] = ordered
        order.depths.update(depths)
    _rank(order)
    return order


def successors(content: ScopeEdges) -> dict[str, list[str]]:
    """Who follows whom in one scope, edges of every kind."""
    following: dict[str, list[str]] = {node_id: [] for node_id in content.members}
    for edge in content.edges:
        following[edge.source].append(edge.target)
    return following


def _place(
    graph: Graph,
    scopes: Scopes,
    link: Link,
    found: dict[str, ScopeEdges],
    continued: set[tuple[str, str]],
    diagnostics: Diagnostics,
) -> None:
    source, target, handle = link.source, link.target, link.handle
    origin: str | None = None
    if scopes.scope_of[target] == source:
        if handle in (BODY, SOURCE):
            found[source].starts[target] = None
        else:
            _refuse(link, f"the handle {link.label!r} of a loop cannot lead into its own body", diagnostics)
        return
    while scopes.scope_of[source] != scopes.scope_of[target]:
        inner, outer = scopes.scope_of[source], scopes.scope_of[target]
        depth = len(scopes.chain(source)) - len(scopes.chain(target))
        if target == inner:
            # The way back: the end of an iteration. In a cycle it also says that there is to be another one.
            if target in graph.implicit:
                head = next(iter(found[target].starts), target)
                edge = PlanEdge(link.id, link.source, head, link.handle, "repeat", link.label, link.source)
                found[target].repeats.append(edge)
            return
        guessed = inner != ROOT and scopes.bodies[inner].inferred and handle not in (ERROR, GOTO)
        if depth > 0 or (depth == 0 and guessed):
            if guessed:
                # The border was a guess, so the edge is what follows the loop, not a way out of it.
                source, handle, origin = inner, SOURCE, None
                if scopes.scope_of[source] == scopes.scope_of[target]:
                    if (source, target) in continued:
                        return
                    continued.add((source, target))
                continue
            problem = _exit_problem(graph, scopes, link, inner)
            if problem is not None:
                _refuse(link, problem, diagnostics)
                return
            source, origin = inner, source
            continue
        if origin is None and outer != ROOT and scopes.scope_of[outer] == inner and outer != source:
            _add(graph, found[inner], link, source, outer, handle, "ordering", None)
            return
        _refuse(link, "it crosses the borders of two loops or parallels", diagnostics)
        return
    _add(graph, found[scopes.scope_of[source]], link, source, target, handle, "exit" if origin else "flow", origin)


def _exit_problem(graph: Graph, scopes: Scopes, link: Link, inner: str) -> str | None:
    if graph.role(inner) is Role.PARALLEL:
        return f"no edge may leave the parallel {inner!r} from inside: its branches end with it"
    if link.handle == GOTO and inner not in graph.implicit:
        return "goto stays in its own scope"
    if scopes.scope_of[inner] != scopes.scope_of[link.target]:
        return "it crosses the borders of two loops or parallels"
    return None


def _add(
    graph: Graph,
    content: ScopeEdges,
    link: Link,
    source: str,
    target: str,
    handle: str,
    kind: str,
    origin: str | None,
) -> None:
    if origin is None and graph.role(source) in CONTAINERS and handle in (BODY, EXIT):
        handle = SOURCE
    edge_id = link.id
    content.edges.append(PlanEdge(edge_id, source, target, handle, kind, link.label, origin))


def _ensure_starts(content: ScopeEdges) -> None:
    """A body drawn by ``parentId`` may have no edge from its container: then its own roots start."""
    fed = {edge.target for edge in content.edges if edge.kind != "ordering"}
    if not content.starts:
        content.starts = dict.fromkeys(node_id for node_id in content.members if node_id not in fed)


def _check_joins(graph: Graph, diagnostics: Diagnostics) -> None:
    for node_id, links in graph.incoming.items():
        if len(links) < 2:
            continue
        branches = {link.source for link in links if graph.role(link.source) is Role.BRANCH and link.handle != SOURCE}
        if len(branches) > 1:
            names = ", ".join(repr(name) for name in graph.nodes if name in branches)
            diagnostics.warning(
                DiagnosticCode.JOIN_OF_TWO_BRANCHES,
                f"Node {node_id!r} joins handles of different branches ({names}); it runs if any of them is taken.",
                node_id=node_id,
                pointer=pointer("nodes", node_id),
                hint="Set join: all if every one must be taken.",
            )


def _check_leaves(graph: Graph, scopes: Scopes, diagnostics: Diagnostics) -> None:
    for node_id, scope in scopes.scope_of.items():
        if graph.role(node_id) is Role.LEAVE and (scope == ROOT or graph.role(scope) is not Role.LOOP):
            place = "in no loop" if scope == ROOT else f"in a branch of the parallel {scope!r}"
            diagnostics.error(
                DiagnosticCode.LEAVE_OUTSIDE_LOOP,
                f"Node {node_id!r} ({graph.types[node_id].name}) lies {place}: there is no round that it could end.",
                node_id=node_id,
                pointer=pointer("nodes", node_id),
                hint="Put it directly into the body of a loop.",
            )


def _check_error_ports(graph: Graph, scopes: Scopes, diagnostics: Diagnostics) -> None:
    for node_id in scopes.scope_of:
        if graph.nodes[node_id].error_port is False and has_error_edge(graph, node_id):
            edge = next(link for link in graph.outgoing[node_id] if link.handle == ERROR)
            diagnostics.error(
                DiagnosticCode.ERROR_PORT_DISABLED,
                f"Node {node_id!r} has an error edge, but errorPort: false says that it has no error port.",
                node_id=node_id,
                pointer=pointer("edges", edge.position),
                hint="Remove errorPort: false, or the edge.",
            )


def _refuse(link: Link, problem: str, diagnostics: Diagnostics) -> None:
    goto = link.handle == GOTO
    diagnostics.error(
        DiagnosticCode.INVALID_GOTO if goto else DiagnosticCode.SCOPE_CROSSED,
        f"The edge {link.source!r} → {link.target!r} cannot be: {problem}.",
        node_id=link.source,
        pointer=pointer("nodes", link.source, "onError", "gotoNode") if goto else pointer("edges", link.position),
        hint="Connect nodes of the same scope, or the loop itself.",
    )


def _report_cycle(
    graph: Graph,
    members: list[str],
    ordered: list[str],
    following: dict[str, list[str]],
    diagnostics: Diagnostics,
) -> None:
    cycle = find_cycle(set(members) - set(ordered), following)
    first = cycle[0] if cycle else None
    closing = next(
        (link for link in graph.links if cycle and (link.source, link.target) == (cycle[-2], cycle[-1])), None
    )
    diagnostics.error(
        DiagnosticCode.CYCLE,
        f"These nodes wait for each other: {' → '.join(cycle)}.",
        node_id=first,
        pointer=pointer("edges", closing.position) if closing is not None and closing.position >= 0 else "",
        hint="Repeat nodes with a loop node (while, with maxIterations) instead of an edge back to an earlier node.",
    )


def _rank(order: Order) -> None:
    stack = list(reversed(order.scopes[ROOT]))
    while stack:
        node_id = stack.pop()
        order.rank[node_id] = len(order.rank)
        for inner in order.scopes.get(node_id, ()):
            order.depths[inner] += order.depths[node_id] + 1
        stack.extend(reversed(order.scopes.get(node_id, ())))
