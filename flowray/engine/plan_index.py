"""Look-up tables over an execution plan, built once per plan and process. Derived data only; decides nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from flowray.definition.node_type import Role
from flowray.plan import ROOT, Container, ExecutableNode, ExecutionPlan, PlanEdge, ScopePlan
from flowray.values import encode_json

ERROR_HANDLE = "error"
GOTO_HANDLE = "goto"
SUCCESS_HANDLE = "source"
NEVER_ON_SUCCESS = frozenset({ERROR_HANDLE, GOTO_HANDLE})

CONDITIONAL_MODES = frozenset({"while", "doWhile"})
"""Loops that only a condition ends."""

IMPLICIT = "implicit"
"""Mode of a loop that the compiler made of a cycle: its own edges say whether it goes on (R5)."""

_MAY_NAME_ITEMS = re.compile(rb"\bitems\b|\b(?:loop|parallel)\b(?!\s*\.)").search
_MAY_NAME_RESULTS = re.compile(rb"results|\bloop\b(?!\s*\.)").search

ASKED = frozenset({"merge", "reduce"})
"""Aggregations that a handler carries out: they look into the results."""

CONTAINER_ROLES = frozenset({Role.LOOP, Role.PARALLEL})


@dataclass(slots=True)
class NodeIndex:
    """One node with the edges of its own scope at hand.

    ``exits`` leave the container that the node lives in (R4); they are settled when that container ends. ``repeats``
    lead back to the head of an implicit loop. ``reads`` are
    the node ids whose outputs it may read. ``releases`` are the root nodes whose outputs it, or anything inside it,
    may read: once it has ended it is one reader less for each of them. ``names``: what it may name that is null, not
    missing, without a value (R6).
    ``reads_results``: it may read the results that a loop around it, or it as a loop, has so far. ``reads_items``: it
    may read the whole collection of a container around it.
    """

    node: ExecutableNode
    lane: str
    outgoing: tuple[PlanEdge, ...]
    exits: tuple[PlanEdge, ...]
    repeats: tuple[PlanEdge, ...]
    waits: int
    flows: int
    has_error_edge: bool
    has_goto_edge: bool
    reads: tuple[str, ...]
    names: tuple[str, ...]
    releases: tuple[str, ...]
    reads_results: bool
    reads_items: bool
    is_container: bool
    is_start: bool


class PlanIndex:
    """A plan with its indexes. ``nodes[id]`` is a NodeIndex; ``total`` counts the nodes of the root scope.

    ``reader_counts[id]`` counts the root nodes that release a root node's output. ``chains[id]`` lists the containers
    around a node, outermost first. ``carried`` holds the body nodes that somebody may read after their scope is gone:
    the next round, or a reader outside (R6). ``kept`` are the nodes whose outputs are never pruned (R8).
    ``handler_nodes`` are the root nodes of the error handler's path (R20). ``terminals`` lists per container the body
    nodes that may end a round: nothing follows them when they succeed (R12). ``wanted_results`` are the containers
    whose results somebody may read; ``read_inside`` those in which a round may read the results so far (R16).
    """

    __slots__ = (
        "carried",
        "chains",
        "handler_nodes",
        "kept",
        "known",
        "nodes",
        "plan",
        "read_inside",
        "reader_counts",
        "scope_nodes",
        "terminals",
        "total",
        "wanted_results",
    )

    def __init__(self, plan: ExecutionPlan) -> None:
        self.plan = plan
        self.known = frozenset(plan.nodes)
        self.scope_nodes = {scope.id: scope.nodes for scope in plan.scopes.values()}
        self.total = len(plan.scopes[ROOT].nodes)
        settings = plan.settings
        self.kept = self.known if settings.policy == "keepAll" else frozenset((*settings.retain, *plan.output_nodes))
        self.chains = {node_id: self._chain(node_id) for node_id in plan.nodes}
        reads: dict[str, list[str]] = {}
        releases: dict[str, dict[str, None]] = {}
        self.reader_counts: dict[str, int] = {}
        for provider, readers in plan.readers.items():
            for reader in readers:
                reads.setdefault(reader, []).append(provider)
            if provider in self.known and not self.chains[provider]:
                roots = {self._root_of(reader): None for reader in readers if reader in self.known}
                self.reader_counts[provider] = len(roots)
                for root in roots:
                    releases.setdefault(root, {})[provider] = None
        self.carried = frozenset(
            provider for provider, readers in plan.readers.items() if readers and self.chains.get(provider)
        )
        self.nodes: dict[str, NodeIndex] = {}
        exits: dict[str, list[PlanEdge]] = {}
        for scope in plan.scopes.values():
            for edge in scope.edges:
                if edge.origin is not None:
                    exits.setdefault(edge.origin, []).append(edge)
        repeats: dict[str, list[PlanEdge]] = {}
        for container in plan.containers.values():
            for edge in container.repeats:
                repeats.setdefault(edge.origin or "", []).append(edge)
        for scope in plan.scopes.values():
            self._index_scope(scope, exits, repeats, reads, releases)
        self.handler_nodes = self._handler_nodes(settings.error_handler)
        self.terminals = {
            container_id: self._terminals(container) for container_id, container in plan.containers.items()
        }

        self.read_inside = frozenset(
            container_id
            for node_id, known in self.nodes.items()
            if known.reads_results
            for container_id in (*self.chains[node_id], *((node_id,) if self._decides(node_id) else ()))
        )
        self.wanted_results = self.read_inside | {
            container.id for container in plan.containers.values() if self._has_readers(container)
        }

    def _decides(self, node_id: str) -> bool:
        """Whether it is a loop that asks itself whether to go on."""
        container = self.plan.containers.get(node_id)
        return container is not None and asks_each_round(container)

    def _has_readers(self, container: Container) -> bool:
        """Whether the output of a container may be read: by a node, an aggregation, or as what its scope ends with.

        So many bytes are at stake that everything else counts as read, too: what is to be retained, for one.
        """
        ends = all(
            edge.kind == "ordering" or edge.origin is not None or edge.handle in NEVER_ON_SUCCESS
            for edge in self.nodes[container.id].outgoing
        )
        around = self.plan.containers.get(self.nodes[container.id].node.scope)
        listed = around is not None and (around.results == "all" or container.id in around.terminals)
        read = container.id in self.kept or bool(self.plan.readers.get(container.id))
        return read or ends or listed or container.aggregation != "collect"

    def _handler_nodes(self, handler: str | None) -> frozenset[str]:
        found = {handler} if handler is not None else set()
        stack = list(found)
        while stack:
            for edge in self.nodes[stack.pop()].outgoing:
                if edge.kind != "ordering" and edge.target not in found:
                    found.add(edge.target)
                    stack.append(edge.target)
        return frozenset(found)

    def _chain(self, node_id: str) -> tuple[str, ...]:
        found: list[str] = []
        scope = self.plan.nodes[node_id].scope
        while scope != ROOT:
            found.append(scope)
            scope = self.plan.nodes[scope].scope
        return tuple(reversed(found))

    def _terminals(self, container: Container) -> tuple[str, ...]:
        return tuple(
            node_id
            for node_id in self.scope_nodes[container.id]
            if node_id in container.terminals
            or all(edge.kind == "ordering" or edge.handle in NEVER_ON_SUCCESS for edge in self.nodes[node_id].outgoing)
        )

    def _root_of(self, node_id: str) -> str:
        return self.chains[node_id][0] if self.chains[node_id] else node_id

    def _may_read(self, node: ExecutableNode, names: Callable[[bytes], object]) -> bool:
        # Carrying all results or items into each round costs the square of the rounds, so only a node that may name
        # them, or the loop as a whole, gets them.
        if not self.chains[node.id] and node.role not in CONTAINER_ROLES:
            return False
        return node.reads_all or names(encode_json(node.config)) is not None

    def _index_scope(
        self,
        scope: ScopePlan,
        exits: dict[str, list[PlanEdge]],
        repeats: dict[str, list[PlanEdge]],
        reads: dict[str, list[str]],
        releases: dict[str, dict[str, None]],
    ) -> None:
        outgoing: dict[str, list[PlanEdge]] = {}
        waits: dict[str, int] = {}
        flows: dict[str, int] = {}
        for edge in scope.edges:
            outgoing.setdefault(edge.source, []).append(edge)
            waits[edge.target] = waits.get(edge.target, 0) + 1
            if edge.kind != "ordering":
                flows[edge.target] = flows.get(edge.target, 0) + 1
        starts = frozenset(scope.starts)
        handler = self.plan.settings.error_handler
        if handler is not None and scope.id == ROOT:
            # Nothing leads to it: it waits for the failure, or for the end without one.
            waits[handler], flows[handler] = waits.get(handler, 0) + 1, 1
        for node_id in scope.nodes:
            node = self.plan.nodes[node_id]
            edges = tuple(outgoing.get(node_id, ()))
            leaving, back = tuple(exits.get(node_id, ())), tuple(repeats.get(node_id, ()))
            everything = reads.get(node_id, ()) if node.reads_all else ()
            handles = {edge.handle for edge in (*edges, *leaving, *back) if edge.origin in (None, node_id)}
            self.nodes[node_id] = NodeIndex(
                node=node,
                lane=node.lane.value,
                outgoing=edges,
                exits=leaving,
                repeats=back,
                waits=waits.get(node_id, 0),
                flows=flows.get(node_id, 0),
                has_error_edge=ERROR_HANDLE in handles,
                has_goto_edge=GOTO_HANDLE in handles,
                reads=tuple(reads.get(node_id, ())),
                names=tuple(dict.fromkeys((*node.providers, *everything, *self.plan.absent_nodes))),
                releases=tuple(releases.get(node_id, ())),
                reads_results=self._may_read(node, _MAY_NAME_RESULTS),
                reads_items=self._may_read(node, _MAY_NAME_ITEMS),
                is_container=node.role in CONTAINER_ROLES,
                is_start=node_id in starts,
            )

    def container(self, node_id: str) -> Container:
        """The container that a loop or parallel node is."""
        return self.plan.containers[node_id]


def asks_each_round(container: Container) -> bool:
    """Whether a container asks before each scope if there is to be one."""
    return container.mode in CONDITIONAL_MODES or container.asks_each_round


def edge_lives(edge: PlanEdge, handles: tuple[str, ...] | None) -> bool:
    """Whether an edge lives when its source ended with these live handles (None: every success edge)."""
    if handles is None:
        return edge.handle not in NEVER_ON_SUCCESS
    return edge.handle in handles
