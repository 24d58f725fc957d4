"""Small node types and a short way to write definitions, for tests of the compiler."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flowray.compiler.builder import CompileResult, build_plan
from flowray.definition.diagnostics import Diagnostic
from flowray.definition.loading import load_definition
from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.definition.policies import ExecutionPreferences, Lane, RetryPolicy
from flowray.plan import ROOT, ExecutionPlan, PlanEdge


class CallConfig(BaseModel):
    """A config with something to get wrong."""

    model_config = ConfigDict(extra="allow")

    url: str
    tries: int = Field(1, ge=1)


_LOOP_FIELDS = {"arrayPath": FieldKind.PATH, "condition": FieldKind.EXPRESSION, "itemVariable": FieldKind.LITERAL}

TYPES = {
    kind.name: kind
    for kind in (
        NodeType("input", "", role=Role.SOURCE, lane=Lane.INLINE, fields={"inputName": FieldKind.LITERAL}),
        NodeType("trigger", "", lane=Lane.INLINE),
        NodeType("step", "", aliases=("walk",), lane=Lane.INLINE),
        NodeType("call", "", config_model=CallConfig, effects=Effects.WRITE, timeout_ms=9_000),
        NodeType("work", "", lane=Lane.TASK),
        NodeType("greedy", "", reads_all=True),
        NodeType("code", "", fields={"code": FieldKind.SCRIPT}),
        NodeType("stream", "", streams=True),
        NodeType("if", "", role=Role.BRANCH, handles=("true", "false"), fields={"expression": FieldKind.EXPRESSION}),
        NodeType("switch", "", role=Role.BRANCH, fields={"cases": FieldKind.EXPRESSION}),
        NodeType("loop", "", role=Role.LOOP, fields=_LOOP_FIELDS),
        NodeType("parallel", "", role=Role.PARALLEL),
        NodeType("output", "", role=Role.OUTPUT, lane=Lane.INLINE, fields={"outputName": FieldKind.LITERAL}),
        NodeType("leave", "", role=Role.LEAVE),
        NodeType("comment", "", role=Role.NOTE),
        NodeType(
            "train",
            "",
            execution=ExecutionPreferences(lane=Lane.TASK, num_gpus=1, memory=10),
            retry=RetryPolicy(max_attempts=4),
            limits=("gpus",),
        ),
    )
}


def definition_of(nodes: str, edges: str, configs: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """``nodes``: ``"a:input b:step"`` (step without a type). ``edges``: ``"a>b c-true>d"``. ``configs`` by node.

    A config may hold the node's own fields under ``$``: ``{"b": {"x": 1, "$": {"timeoutMs": 5}}}``.
    """
    built: dict[str, Any] = {}
    for item in nodes.split():
        node_id, _, kind = item.partition(":")
        config = dict((configs or {}).get(node_id, {}))
        own = config.pop("$", {})
        built[node_id] = {"type": kind or "step", "config": config, **own}
    drawn = []
    for item in edges.split():
        left, target = item.split(">")
        source, _, handle = left.partition("-")
        drawn.append({"source": source, "target": target, **({"sourceHandle": handle} if handle else {})})
    return {"schemaVersion": 1, "nodes": built, "edges": drawn, **fields}


def compile_text(
    nodes: str, edges: str, configs: dict[str, Any] | None = None, *, strict: bool = False, trigger: str | None = None,
    **fields: Any,
) -> CompileResult:  # fmt: skip
    """Compile what ``definition_of`` writes; it must load."""
    definition = load_definition(definition_of(nodes, edges, configs, **fields)).require()
    return build_plan(definition, TYPES, strict=strict, trigger=trigger)


def plan_of(nodes: str, edges: str, configs: dict[str, Any] | None = None, **fields: Any) -> ExecutionPlan:
    """The plan; it must compile."""
    return compile_text(nodes, edges, configs, **fields).require()


def codes(result: CompileResult, severity: str | None = None) -> list[tuple[str, str | None]]:
    """``(code, node)`` of the findings, of one severity."""
    return [(item.code.value, item.node_id) for item in result.diagnostics if severity in (None, item.severity.value)]


def one(result: CompileResult, code: str) -> Diagnostic:
    """The only finding of a code."""
    found = [item for item in result.diagnostics if item.code.value == code]
    assert len(found) == 1, [item.message for item in result.diagnostics]
    return found[0]


def drawn(plan: ExecutionPlan, scope: str = ROOT) -> list[str]:
    """The edges of a scope as short text: ``a>b``, ``c-true>d``, ``exit:L-false>d (from b)``."""
    return [_short(edge) for edge in plan.scopes[scope].edges]


def _short(edge: PlanEdge) -> str:
    handle = "" if edge.handle == "source" else f"-{edge.handle}"
    kind = "" if edge.kind == "flow" else f"{edge.kind}:"
    origin = f" (from {edge.origin})" if edge.origin else ""
    return f"{kind}{edge.source}{handle}>{edge.target}{origin}"
