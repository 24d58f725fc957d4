"""Stage 3: each node with everything resolved that the engine must not ask again: lane, retries, limits, container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from flowray.compiler.graph import Graph, has_error_edge
from flowray.compiler.loops import Scopes
from flowray.compiler.reads import NodeReads
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, Severity, pointer
from flowray.definition.node_type import NodeType, Role
from flowray.definition.policies import ErrorStrategy, ExecutionPreferences, Lane, RetryPolicy
from flowray.definition.workflow import NodeDefinition, WorkflowDefinition
from flowray.plan import Container, ExecutableNode, PlanResources, PlanRetry

NO_RETRY = PlanRetry()

UNBOUNDED_BRANCHES = 10_000
"""``maxConcurrency`` of a parallel whose author sets none: as many as there can be branches."""

_LOOP_MODES = {
    "foreach": "forEach", "collection": "forEach", "array": "forEach", "each": "forEach",
    "for": "for", "count": "for", "repeat": "for", "times": "for",
    "while": "while", "dowhile": "doWhile", "do-while": "doWhile",
}  # fmt: skip
_COLLECTION_FIELDS = ("arrayPath", "collection", "items", "iterateOver", "distribution")
_COUNT_FIELDS = ("count", "iterations", "times", "parallelCount", "branchCount")


def construct_nodes(
    graph: Graph,
    scopes: Scopes,
    reads: Mapping[str, NodeReads],
    definition: WorkflowDefinition,
    strict: bool,
    diagnostics: Diagnostics,
) -> tuple[dict[str, ExecutableNode], dict[str, Container]]:
    """Executable nodes and containers by id, in the author's order. Edges, readers and order come later."""
    # FlowMaestro and SIM save any config and fail when the node runs; their files must still load.
    severity = Severity.WARNING if definition.dialect != "flowray" and not strict else Severity.ERROR
    nodes: dict[str, ExecutableNode] = {}
    containers: dict[str, Container] = {}
    for node_id, scope in scopes.scope_of.items():
        _check_config(graph, node_id, severity, diagnostics)
        nodes[node_id] = _executable(graph, node_id, scope, reads[node_id].bounded, definition)
        if node_id in scopes.bodies:
            containers[node_id] = _container(graph, node_id, scopes.bodies[node_id].inferred)
    return nodes, containers


def _executable(
    graph: Graph, node_id: str, scope: str, bounded: bool, definition: WorkflowDefinition
) -> ExecutableNode:
    node, kind = graph.nodes[node_id], graph.types[node_id]
    preferences = _preferences(node, kind)
    policy = node.on_error
    when = kind.reads_committed_when
    reads_committed = when is not None and node.config.get(when[0]) == when[1]
    chosen = preferences.lane if preferences is not None else None
    usual = (Lane.INLINE if bounded else Lane.IO) if kind.computes else kind.lane
    return ExecutableNode(
        id=node_id,
        type=node.type,
        name=node.name or node_id,
        config=node.config,
        scope=scope,
        role=kind.role,
        lane=chosen or (Lane.IO if reads_committed else usual),
        effects=kind.effects_with(node.config),
        waits_for_commit=kind.waits_with(node.config) or reads_committed,
        streams=kind.streams,
        join=node.join,
        retry=_retry(node, kind, definition),
        timeout_ms=node.timeout_ms or kind.timeout_ms,
        start_timeout_ms=node.start_timeout_ms,
        error_port=bool(node.error_port) or has_error_edge(graph, node_id),
        on_error=policy.strategy if policy is not None else ErrorStrategy.FAIL,
        fallback_value=policy.fallback_value if policy is not None else None,
        output_variable=output_variable(node.config),
        resources=_resources(preferences),
        known_type=node_id not in graph.unknown_types,
        value_key=kind.value_key_with(node.config),
        reads_shared=kind.reads_shared,
        limits=_limits(node, kind),
        spends_tokens=kind.default_limit is not None,
    )


def output_variable(config: Mapping[str, Any]) -> str | None:
    """The name under which a node's output is an alias to its value."""
    name = config.get("outputVariable", config.get("output_variable"))
    return name if isinstance(name, str) and name else None


def _preferences(node: NodeDefinition, kind: NodeType) -> ExecutionPreferences | None:
    """What the author says of lane and resources, and what the type says where the author is silent."""
    if node.execution is None or kind.execution is None:
        return node.execution or kind.execution
    said = {name: value for name, value in node.execution if value is not None}
    return kind.execution.model_copy(update=said)


def _retry(node: NodeDefinition, kind: NodeType, definition: WorkflowDefinition) -> PlanRetry:
    """The node's policy, else its config's ``retryCount``, else the type's, else the workflow's."""
    if node.retry is not None:
        return _resolved(node.retry)
    count = node.config.get("retryCount", node.config.get("retry_count"))
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        # The delays that FlowMaestro documents for it: 1 s · 2^n, at most 10 s.
        return PlanRetry(max_attempts=min(count, 249) + 1, initial_delay_ms=1_000, factor=2.0, max_delay_ms=10_000)
    if kind.retry is not None:
        return _resolved(kind.retry)
    return _resolved(definition.settings.retry) if definition.settings.retry is not None else NO_RETRY


def _limits(node: NodeDefinition, kind: NodeType) -> tuple[str, ...]:
    """What the author names, else the type's own. Which limits there are, the server knows: they change live."""
    if node.limits is not None or node.limit is not None:
        return tuple(dict.fromkeys([*(node.limits or ()), *((node.limit,) if node.limit else ())]))
    default = kind.default_limit(node.config) if kind.default_limit is not None else None
    return kind.limits if default is None else (default, *kind.limits)


def _resolved(policy: RetryPolicy) -> PlanRetry:
    return PlanRetry(
        max_attempts=policy.max_attempts,
        initial_delay_ms=policy.initial_delay_ms,
        factor=policy.factor,
        max_delay_ms=policy.max_delay_ms,
        jitter=policy.jitter,
        codes=tuple(policy.codes) if policy.codes is not None else None,
    )


def _resources(preferences: ExecutionPreferences | None) -> PlanResources | None:
    if preferences is None:
        return None
    resources = PlanResources(
        num_cpus=preferences.num_cpus,
        num_gpus=preferences.num_gpus,
        memory=preferences.memory,
        resources=preferences.resources,
        runtime_env=preferences.runtime_env,
        label_selector=preferences.label_selector,
    )
    return None if resources == PlanResources() else resources


def _container(graph: Graph, node_id: str, inferred: bool) -> Container:
    config = graph.nodes[node_id].config
    parallel = graph.role(node_id) is Role.PARALLEL
    if node_id in graph.implicit:
        return Container(id=node_id, mode="implicit")
    mode = _parallel_mode(config) if parallel else _loop_mode(config)
    asks = mode in ("for", "forEach") and any(_text(config, name) for name in ("condition", "breakCondition"))
    width = _positive(config, "maxConcurrency") or (UNBOUNDED_BRANCHES if parallel else 1)
    return Container(
        id=node_id,
        mode=mode,
        max_iterations=_positive(config, "maxIterations"),
        # Whether there is another round depends on the one before, so they run one by one.
        max_concurrency=1 if asks else width,
        asks_each_round=asks,
        aggregation=_aggregation(config) if parallel else "collect",
        item_failure=_item_failure(config),
        results="all" if config.get("results") == "all" else "terminal",
        item_variable=_text(config, "itemVariable") or _text(config, "iterationVariable"),
        index_variable=_text(config, "indexVariable"),
        inferred=inferred,
    )


def _loop_mode(config: Mapping[str, Any]) -> str:
    given = config.get("loopType", config.get("mode"))
    if isinstance(given, str) and given.lower() in _LOOP_MODES:
        return _LOOP_MODES[given.lower()]
    if any(config.get(name) is not None for name in _COLLECTION_FIELDS):
        return "forEach"
    if any(config.get(name) is not None for name in _COUNT_FIELDS):
        return "for"
    return "while" if config.get("condition") is not None else "forEach"


def _parallel_mode(config: Mapping[str, Any]) -> str:
    return "collection" if any(config.get(name) is not None for name in _COLLECTION_FIELDS) else "count"


def _item_failure(config: Mapping[str, Any]) -> str:
    given = config.get("itemFailure", config.get("onItemFailure"))
    return given if given in ("fail", "continue", "collect") else "fail"


def _aggregation(config: Mapping[str, Any]) -> str:
    given = config.get("aggregation")
    if given in ("collect", "merge", "first", "reduce"):
        return str(given)
    return "reduce" if _text(config, "reduce") else "collect"


def _positive(config: Mapping[str, Any], name: str) -> int | None:
    value = config.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _text(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    return value if isinstance(value, str) and value else None


def _check_config(graph: Graph, node_id: str, severity: Severity, diagnostics: Diagnostics) -> None:
    """Every field that does not fit the type's model. A template may become anything, so it fits everywhere."""
    kind = graph.types[node_id]
    config = graph.nodes[node_id].config
    try:
        kind.config_model.model_validate(config)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            given = item.get("input")
            if isinstance(given, str) and ("{{" in given or "${" in given):
                continue
            place = ".".join(str(part) for part in item["loc"])
            problem = item["msg"].removeprefix("Value error, ")
            diagnostics.add(
                severity,
                DiagnosticCode.INVALID_CONFIG,
                f"Node {node_id!r} ({kind.name}){', ' + place if place else ''}: {problem}.",
                node_id=node_id,
                pointer=pointer("nodes", node_id, "config", *item["loc"]),
                hint=f"See the config schema of the node type {kind.name!r}.",
            )
