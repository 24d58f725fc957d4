"""Definition → execution plan. Start here: ``build_plan`` is the table of contents of the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from flowray.compiler.context_policy import check_policy, keep_last
from flowray.compiler.cycles import close_cycles
from flowray.compiler.edges import Order, ScopeEdges, construct_edges, order_scopes
from flowray.compiler.error_handler import check_error_handler
from flowray.compiler.graph import Graph, build_graph
from flowray.compiler.inputs import check_input_schema, declared_inputs
from flowray.compiler.loops import construct_loops
from flowray.compiler.nodes import construct_nodes
from flowray.compiler.outputs import find_outputs
from flowray.compiler.paths import Paths, construct_paths, execution_levels
from flowray.compiler.reads import collect_reads
from flowray.compiler.references import Providers, Visibility, find_providers, name_table, order_references
from flowray.compiler.segments import find_segments
from flowray.compiler.variables import variable_types
from flowray.definition.diagnostics import Diagnostic, Diagnostics
from flowray.definition.loading import definition_error
from flowray.definition.node_type import NodeType
from flowray.definition.workflow import WorkflowDefinition
from flowray.plan import (
    ROOT,
    Container,
    DialectSemantics,
    ExecutableNode,
    ExecutionPlan,
    PlanSettings,
    ScopePlan,
)

SEMANTICS = {
    "flowray": DialectSemantics(),
    "flowmaestro": DialectSemantics(
        "flowmaestro", flatten_outputs=True, keep_unresolved=True, outputs_default="variables"
    ),
    "sim": DialectSemantics("sim", outputs_default="bare_terminal"),
}


@dataclass(frozen=True)
class CompileResult:
    """``plan`` is None if and only if ``diagnostics`` holds an error."""

    plan: ExecutionPlan | None
    diagnostics: tuple[Diagnostic, ...]

    def require(self) -> ExecutionPlan:
        """The plan, or DefinitionError (INVALID_DEFINITION) with all diagnostics in its details."""
        if self.plan is None:
            raise definition_error(list(self.diagnostics))
        return self.plan


def build_plan(
    definition: WorkflowDefinition,
    node_types: Mapping[str, NodeType],
    *,
    strict: bool = False,
    trigger: str | None = None,
) -> CompileResult:
    """Compile a definition. Never raises for a wrong one: every finding of every stage is in the result.

    ``node_types`` maps type names to their declarations. ``strict`` turns unknown types and expressions that do not
    parse into errors. ``trigger`` starts at another node than the entry point. Pure: equal arguments give equal plans.
    """
    found = Diagnostics()
    dialect = SEMANTICS[definition.dialect]

    graph = build_graph(definition, node_types, strict, found)
    graph = close_cycles(graph, definition, trigger, found)
    handler = definition.settings.error_handler
    paths = construct_paths(graph, graph.entry(definition.entry_point), graph.entry(trigger), found, handler)
    check_error_handler(graph, definition, paths, found)
    reads = collect_reads(graph, paths.reachable, definition.dialect == "flowmaestro", strict, found)
    scopes = construct_loops(graph, paths, reads, found)
    nodes, containers = construct_nodes(graph, scopes, reads, definition, strict, found)
    edges = construct_edges(graph, scopes, paths.starts, found)
    order = order_scopes(graph, scopes, edges, found)
    check_input_schema(definition, found)
    check_policy(definition, found)
    types = variable_types(definition, found)
    if found.has_errors:
        return CompileResult(None, tuple(found))

    names = name_table(graph, definition)
    visible = Visibility(scopes, edges, order)
    if order_references(graph, scopes, edges, order, reads, names, visible, found):
        order = order_scopes(graph, scopes, edges, found)
        visible = Visibility(scopes, edges, order)
    providers = find_providers(graph, scopes, order, reads, names, visible, dialect, found)
    segments = find_segments(nodes, edges, order)
    outputs = find_outputs(graph, paths, order, found)
    required, defaults = declared_inputs(definition, frozenset(paths.reachable))
    plan = ExecutionPlan(
        nodes=_finish_nodes(nodes, edges, order, providers, segments),
        scopes=_scope_plans(edges, order),
        containers=_finish_containers(containers, edges, order),
        start_nodes=tuple(edges[ROOT].starts),
        trigger=paths.trigger,
        levels=execution_levels({node_id: order.depths[node_id] for node_id in order.scopes[ROOT]}),
        readers=providers.readers,
        output_nodes=outputs,
        variables={name: variable.default for name, variable in definition.variables.items()},
        variable_types=types,
        input_schema=definition.inputs,
        required_inputs=required,
        input_defaults=defaults,
        absent_nodes=_absent(graph, paths),
        settings=_settings(definition, order, providers),
        dialect=dialect,
        name=definition.name,
    )
    return CompileResult(plan, tuple(found))


def _finish_nodes(
    nodes: Mapping[str, ExecutableNode],
    edges: Mapping[str, ScopeEdges],
    order: Order,
    providers: Providers,
    segments: Mapping[str, str],
) -> dict[str, ExecutableNode]:
    incoming: dict[str, list[str]] = {node_id: [] for node_id in order.rank}
    outgoing: dict[str, list[str]] = {node_id: [] for node_id in order.rank}
    for content in edges.values():
        for edge in content.edges:
            outgoing[edge.source].append(edge.id)
            incoming[edge.target].append(edge.id)
    return {
        node_id: msgspec.structs.replace(
            nodes[node_id],
            order=rank,
            depth=order.depths[node_id],
            incoming=tuple(incoming[node_id]),
            outgoing=tuple(outgoing[node_id]),
            providers=providers.by_reader[node_id],
            reads_all=node_id in providers.reads_all,
            segment=segments.get(node_id),
        )
        for node_id, rank in order.rank.items()
    }


def _scope_plans(edges: Mapping[str, ScopeEdges], order: Order) -> dict[str, ScopePlan]:
    return {
        scope: ScopePlan(
            id=scope,
            nodes=tuple(order.scopes[scope]),
            edges=tuple(content.edges),
            starts=tuple(sorted(content.starts, key=order.rank.__getitem__)),
        )
        for scope, content in edges.items()
    }


def _finish_containers(
    containers: Mapping[str, Container], edges: Mapping[str, ScopeEdges], order: Order
) -> dict[str, Container]:
    finished = {}
    for container_id, container in containers.items():
        flows = {edge.source for edge in edges[container_id].edges if edge.kind == "flow"}
        terminals = tuple(node_id for node_id in order.scopes[container_id] if node_id not in flows)
        repeats = tuple(edges[container_id].repeats)
        finished[container_id] = msgspec.structs.replace(container, terminals=terminals, repeats=repeats)
    return finished


def _absent(graph: Graph, paths: Paths) -> tuple[str, ...]:
    reached = set(paths.reachable)
    return tuple(node_id for node_id in graph.nodes if node_id not in reached)


def _settings(definition: WorkflowDefinition, order: Order, providers: Providers) -> PlanSettings:
    settings = definition.settings
    return PlanSettings(
        max_concurrent_nodes=settings.max_concurrent_nodes,
        timeout_ms=settings.timeout_ms,
        max_tokens=settings.max_tokens,
        max_cost=settings.max_cost,
        on_failure=settings.on_failure,
        isolation=settings.isolation,
        max_node_output_bytes=settings.context.max_node_output_bytes,
        max_total_bytes=settings.context.max_total_bytes,
        retain=tuple(order.rank) if providers.retain_all else tuple(settings.context.retain),
        policy=settings.context.policy,
        keep_last=keep_last(settings.context.policy),
        error_handler=settings.error_handler,
        memory_entries=settings.shared_memory.max_entries,
        memory_value_bytes=settings.shared_memory.max_value_bytes,
        memory_total_bytes=settings.shared_memory.max_total_bytes,
        retain_completed_ms=_kept_ms(settings.retention.completed_ms),
        retain_failed_ms=_kept_ms(settings.retention.failed_ms),
    )


def _kept_ms(given: int | Literal["forever"] | None) -> int | None:
    return -1 if given == "forever" else given
