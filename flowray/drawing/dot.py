"""An execution plan in Graphviz's DOT language, for people who lay out by other tools."""

from __future__ import annotations

from collections.abc import Mapping

from flowray.drawing.edges import plan_edges
from flowray.drawing.labels import label_of
from flowray.plan import ROOT, ExecutableNode, ExecutionPlan, PlanEdge

_COLOURS = {
    "pending": "gray60", "ready": "steelblue", "running": "blue", "waiting": "goldenrod", "completed": "forestgreen",
    "failed": "red3", "skipped": "gray70", "cancelled": "purple",
}  # fmt: skip


def to_dot(plan: ExecutionPlan, statuses: Mapping[str, str] | None = None) -> str:
    """Text of a digraph. A loop or parallel is a cluster that holds its own node and its body."""
    names = {node_id: f"n{index}" for index, node_id in enumerate(plan.nodes)}
    lines = [
        "digraph workflow {",
        f"  label={_quote(plan.name)}; labelloc=t; compound=true;",
        '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];',
        '  edge [fontname="sans-serif", fontsize=9];',
        *_scope(plan, ROOT, names, statuses or {}, "  "),
    ]
    lines += [f"  {_edge(edge, names)}" for edge in plan_edges(plan)]
    for container in plan.containers:
        starts = plan.scopes[container].starts
        lines += [f"  {names[container]} -> {names[start]} [style=bold, color=gray60];" for start in starts]
    return "\n".join([*lines, "}"]) + "\n"


def _scope(
    plan: ExecutionPlan, scope: str, names: Mapping[str, str], statuses: Mapping[str, str], indent: str
) -> list[str]:
    lines = []
    for node_id in plan.scopes[scope].nodes:
        own = _node(plan.nodes[node_id], names[node_id], statuses.get(node_id))
        if node_id not in plan.scopes:
            lines.append(indent + own)
            continue
        lines.append(f"{indent}subgraph cluster_{names[node_id]} {{")
        lines.append(f"{indent}  label={_quote(plan.nodes[node_id].name or node_id)}; style=dashed; {own}")
        lines += [*_scope(plan, node_id, names, statuses, indent + "  "), f"{indent}}}"]
    return lines


def _node(node: ExecutableNode, name: str, status: str | None) -> str:
    colour = f", color={_COLOURS[status]}, penwidth=2" if status in _COLOURS else ""
    return f"{name} [label={_quote(node.name or node.id, node.type)}{colour}];"


def _edge(edge: PlanEdge, names: Mapping[str, str]) -> str:
    attributes = []
    if label_of(edge):
        attributes.append(f"label={_quote(label_of(edge))}")
    if edge.handle == "error":
        attributes.append("color=red3, style=dashed")
    elif edge.kind == "ordering":
        attributes.append("style=dotted")
    tail = f" [{', '.join(attributes)}]" if attributes else ""
    return f"{names[edge.origin or edge.source]} -> {names[edge.target]}{tail};"


def _quote(*lines: str) -> str:
    texts = [" ".join(line.split()).replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(texts) + '"'
