"""Execution plans made by hand, a line per node and edge. Not a second compiler: it checks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from flowray.definition.node_type import Role
from flowray.plan import (
    ROOT,
    Container,
    DialectSemantics,
    ExecutableNode,
    ExecutionPlan,
    PlanEdge,
    PlanSettings,
    ScopePlan,
)


class PlanMaker:
    """Collects nodes and edges; ``build`` makes the plan. Nodes stand in plan order as they are added.

    An edge is written ``"a -> b"``, with a handle ``"a true-> b"``; several may stand in one call. It goes to the
    scope of its target; one that leaves a body becomes an exit edge of the loop (R4).
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = PlanSettings(**settings)
        self.nodes: dict[str, ExecutableNode] = {}
        self.edges: dict[str, list[PlanEdge]] = {ROOT: []}
        self.containers: dict[str, Container] = {}
        self.starts: dict[str, list[str]] = {}
        self.readers: dict[str, list[str]] = {}
        self.variables: dict[str, Any] = {}
        self.dialect = DialectSemantics()

    def node(self, node_id: str, *, scope: str = ROOT, reads: Iterable[str] = (), **fields: Any) -> PlanMaker:
        """Add one node. ``reads`` are ids of nodes whose output it names by their id."""
        providers = dict(fields.pop("providers", {})) | {name: (name,) for name in reads}
        fields.setdefault("type", "test")
        self.nodes[node_id] = ExecutableNode(
            id=node_id, scope=scope, order=len(self.nodes), providers=providers, **fields
        )
        for candidates in providers.values():
            for provider in candidates:
                self.readers.setdefault(provider, []).append(node_id)
        return self

    def chain(self, *node_ids: str, scope: str = ROOT, **fields: Any) -> PlanMaker:
        """Add nodes of which each follows the one before."""
        for node_id in node_ids:
            self.node(node_id, scope=scope, **fields)
        for source, target in pairwise(node_ids):
            self.edge(f"{source} -> {target}")
        return self

    def branch(self, node_id: str, **fields: Any) -> PlanMaker:
        """Add a node that selects handles."""
        return self.node(node_id, role=Role.BRANCH, **fields)

    def output(self, node_id: str, **fields: Any) -> PlanMaker:
        """Add a node whose output is merged into the execution's."""
        return self.node(node_id, role=Role.OUTPUT, **fields)

    def loop(self, node_id: str, mode: str = "forEach", *, scope: str = ROOT, **fields: Any) -> PlanMaker:
        """Add a loop. Fields of Container go there, the rest to its node."""
        return self._container(node_id, Role.LOOP, mode, scope, fields)

    def parallel(self, node_id: str, mode: str = "collection", *, scope: str = ROOT, **fields: Any) -> PlanMaker:
        """Add a parallel."""
        return self._container(node_id, Role.PARALLEL, mode, scope, {"max_concurrency": 0, **fields})

    def _container(self, node_id: str, role: Role, mode: str, scope: str, fields: dict[str, Any]) -> PlanMaker:
        own = {name: fields.pop(name) for name in list(fields) if name in Container.__struct_fields__}
        self.containers[node_id] = Container(id=node_id, mode=mode, **own)
        self.edges[node_id] = []
        return self.node(node_id, scope=scope, role=role, **fields)

    def edge(self, *arrows: str, kind: str = "flow") -> PlanMaker:
        """Add edges between nodes that are already there."""
        for arrow in arrows:
            left, target = (part.strip() for part in arrow.split("->"))
            source, _, handle = left.partition(" ")
            number = sum(len(edges) for edges in self.edges.values())
            from_scope, to_scope = self.nodes[source].scope, self.nodes[target].scope
            leaves = from_scope != to_scope
            self.edges[to_scope].append(
                PlanEdge(
                    id=f"e{number}:{source}>{target}",
                    source=from_scope if leaves else source,
                    target=target,
                    handle=handle.strip() or "source",
                    kind="exit" if leaves else kind,
                    origin=source if leaves else None,
                )
            )
        return self

    def start(self, *node_ids: str) -> PlanMaker:
        """Name the start nodes of their scopes; without it every node without an incoming edge starts."""
        for node_id in node_ids:
            self.starts.setdefault(self.nodes[node_id].scope, []).append(node_id)
        return self

    def build(self) -> ExecutionPlan:
        """The plan."""
        scopes = {}
        for scope, edges in self.edges.items():
            members = tuple(node_id for node_id, node in self.nodes.items() if node.scope == scope)
            targets = {edge.target for edge in edges}
            starts = tuple(self.starts.get(scope) or [node_id for node_id in members if node_id not in targets])
            scopes[scope] = ScopePlan(id=scope, nodes=members, edges=tuple(edges), starts=starts)
        return ExecutionPlan(
            nodes=self.nodes,
            scopes=scopes,
            containers={
                container_id: self._with_terminals(container, scopes[container_id])
                for container_id, container in self.containers.items()
            },
            start_nodes=scopes[ROOT].starts,
            readers={provider: tuple(dict.fromkeys(readers)) for provider, readers in self.readers.items()},
            output_nodes=tuple(node_id for node_id, node in self.nodes.items() if node.role is Role.OUTPUT),
            variables=self.variables,
            settings=self.settings,
            dialect=self.dialect,
        )

    @staticmethod
    def _with_terminals(container: Container, body: ScopePlan) -> Container:
        sources = {edge.source for edge in body.edges}
        fields: Mapping[str, Any] = {name: getattr(container, name) for name in Container.__struct_fields__}
        ends = tuple(node_id for node_id in body.nodes if node_id not in sources)
        return Container(**{**fields, "terminals": container.terminals or ends})
