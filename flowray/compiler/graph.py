"""A definition as a graph: executable nodes with their types, edges with resolved handles. No order, no scopes yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowray.compiler.handles import ERROR, GOTO, resolve_handle
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, Severity, pointer
from flowray.definition.node_type import NodeType, Role
from flowray.definition.policies import ErrorStrategy
from flowray.definition.workflow import MAX_NODES, NodeDefinition, WorkflowDefinition

CONTAINERS = frozenset({Role.LOOP, Role.PARALLEL})


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between two known nodes. ``position`` is its index among the author's edges, -1 for a compiled one."""

    id: str
    source: str
    target: str
    handle: str
    label: str | None = None
    position: int = -1


@dataclass
class Graph:
    """``nodes`` and ``types`` by id in the author's order; links by the ids of their ends, in the author's order.

    ``body_roots`` maps a container to the nodes that lie in it by ``parentId`` and that no edge leads to. ``implicit``
    maps a loop that was made of a cycle to the nodes of its body, ``heads`` the head of such a cycle to its loop.
    """

    nodes: dict[str, NodeDefinition] = field(default_factory=dict)
    types: dict[str, NodeType] = field(default_factory=dict)
    unknown_types: set[str] = field(default_factory=set)
    links: list[Link] = field(default_factory=list)
    outgoing: dict[str, list[Link]] = field(default_factory=dict)
    incoming: dict[str, list[Link]] = field(default_factory=dict)
    body_roots: dict[str, list[str]] = field(default_factory=dict)
    implicit: dict[str, frozenset[str]] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)

    def add(self, link: Link) -> None:
        """Append a link between two known nodes."""
        self.links.append(link)
        self.outgoing[link.source].append(link)
        self.incoming[link.target].append(link)

    def entry(self, node_id: str | None) -> str | None:
        """Where an execution begins that was to begin at ``node_id``: the head of a cycle stands for its loop."""
        while node_id in self.heads:
            node_id = self.heads[node_id]
        return node_id

    def role(self, node_id: str) -> Role:
        """The role of a node's type."""
        return self.types[node_id].role


def build_graph(
    definition: WorkflowDefinition, node_types: Mapping[str, NodeType], strict: bool, diagnostics: Diagnostics
) -> Graph:
    """Nodes first, then edges; what cannot be part of any graph is reported and left out."""
    graph = Graph()
    if not definition.nodes:
        diagnostics.error(
            DiagnosticCode.NO_NODES, "The workflow has no nodes.", pointer="/nodes", hint="Add at least one node."
        )
    if len(definition.nodes) > MAX_NODES:
        diagnostics.error(
            DiagnosticCode.TOO_MANY_NODES,
            f"The workflow has {len(definition.nodes):,} nodes; the limit is {MAX_NODES:,}.",
            pointer="/nodes",
            hint="Split it into sub-workflows.",
        )
        return graph
    notes = _add_nodes(graph, definition, node_types, strict, diagnostics)
    _add_edges(graph, definition, notes, diagnostics)
    _add_gotos(graph, diagnostics)
    for node_id, node in graph.nodes.items():
        parent = node.parent_id
        if parent in graph.nodes and graph.role(parent) in CONTAINERS and not graph.incoming[node_id]:
            graph.body_roots.setdefault(parent, []).append(node_id)
    return graph


def _add_nodes(
    graph: Graph,
    definition: WorkflowDefinition,
    node_types: Mapping[str, NodeType],
    strict: bool,
    diagnostics: Diagnostics,
) -> set[str]:
    known = {alias: kind for kind in node_types.values() for alias in kind.aliases} | dict(node_types)
    notes: set[str] = set()
    for node_id, node in definition.nodes.items():
        kind = known.get(node.type)
        if kind is not None and kind.role is Role.NOTE:
            notes.add(node_id)
            continue
        if kind is None:
            kind = NodeType(node.type, "A type that is not installed.")
            graph.unknown_types.add(node_id)
            diagnostics.add(
                Severity.ERROR if strict else Severity.WARNING,
                DiagnosticCode.UNKNOWN_NODE_TYPE,
                f"No node type {node.type!r} is installed; the node fails when it is reached.",
                node_id=node_id,
                pointer=pointer("nodes", node_id, "type"),
                hint="Install the package that brings it, or use one of the listed node types.",
            )
        graph.nodes[node_id] = node
        graph.types[node_id] = kind
        graph.outgoing[node_id] = []
        graph.incoming[node_id] = []
    return notes


def _add_edges(graph: Graph, definition: WorkflowDefinition, notes: set[str], diagnostics: Diagnostics) -> None:
    used: dict[str, int] = {}
    for index, edge in enumerate(definition.edges):
        if edge.source in notes or edge.target in notes:
            continue
        missing = False
        for end, node_id, code in (
            ("source", edge.source, DiagnosticCode.UNKNOWN_EDGE_SOURCE),
            ("target", edge.target, DiagnosticCode.UNKNOWN_EDGE_TARGET),
        ):
            if node_id not in graph.nodes:
                missing = True
                diagnostics.error(
                    code,
                    f"The edge {edge.source!r} → {edge.target!r} names a node that does not exist: {node_id!r}.",
                    node_id=node_id,
                    pointer=pointer("edges", index, end),
                    hint="Correct the id, or remove the edge.",
                )
        if missing:
            continue
        label = edge.source_handle if edge.source_handle is not None else edge.handle_type
        where = graph.nodes[edge.source]
        handle, problem = resolve_handle(label, graph.types[edge.source], where.config)
        if problem is not None and edge.source not in graph.unknown_types:
            diagnostics.warning(
                DiagnosticCode.UNKNOWN_HANDLE,
                f"Node {edge.source!r} never selects the handle {label!r}: {problem}.",
                node_id=edge.source,
                pointer=pointer("edges", index, "sourceHandle"),
            )
        link_id = _unique_id(edge.id or _edge_name(edge.source, edge.target, handle), used)
        if edge.id is not None and link_id != edge.id:
            diagnostics.warning(
                DiagnosticCode.DUPLICATE_EDGE_ID,
                f"Two edges have the id {edge.id!r}; the second one is called {link_id!r}.",
                node_id=edge.source,
                pointer=pointer("edges", index, "id"),
            )
        graph.add(Link(link_id, edge.source, edge.target, handle, label, index))


def _add_gotos(graph: Graph, diagnostics: Diagnostics) -> None:
    """``onError: goto`` is an edge like any other, with a handle of its own (R5)."""
    used = {link.id: 1 for link in graph.links}
    for node_id, node in graph.nodes.items():
        policy = node.on_error
        if policy is None or policy.strategy is not ErrorStrategy.GOTO:
            continue
        where = pointer("nodes", node_id, "onError", "gotoNode")
        if not policy.goto_node or policy.goto_node not in graph.nodes:
            diagnostics.error(
                DiagnosticCode.INVALID_GOTO,
                f"Node {node_id!r} goes to {policy.goto_node!r} on an error, which does not exist."
                if policy.goto_node
                else f"Node {node_id!r} goes elsewhere on an error, but gotoNode does not say where.",
                node_id=node_id,
                pointer=where,
                hint="Set onError.gotoNode to the id of a node of the same workflow.",
            )
            continue
        link_id = _unique_id(_edge_name(node_id, policy.goto_node, GOTO), used)
        graph.add(Link(link_id, node_id, policy.goto_node, GOTO))


def has_error_edge(graph: Graph, node_id: str) -> bool:
    """Whether the author drew an edge for the node's errors."""
    return any(link.handle == ERROR for link in graph.outgoing[node_id])


def _edge_name(source: str, target: str, handle: str) -> str:
    return f"{source}->{target}" if handle == "source" else f"{source}-[{handle}]->{target}"


def _unique_id(wanted: str, used: dict[str, int]) -> str:
    count = used.get(wanted, 0) + 1
    used[wanted] = count
    if count == 1:
        return wanted
    candidate = f"{wanted}#{count}"
    while candidate in used:
        count += 1
        candidate = f"{wanted}#{count}"
    used[candidate] = 1
    return candidate
