"""An execution plan as a Mermaid flowchart, for places that draw Mermaid themselves. Not the drawing flowray shows."""

from __future__ import annotations

from collections.abc import Mapping

from flowray.drawing.edges import plan_edges
from flowray.drawing.labels import label_of
from flowray.plan import ROOT, ExecutableNode, ExecutionPlan, PlanEdge

_COLOURS = {
    "running": "#1d6fd8", "ready": "#3b82c4", "waiting": "#b7791f", "completed": "#1f8a4c", "failed": "#c8322b",
    "skipped": "#8b97a8", "cancelled": "#7a5ea8",
}  # fmt: skip


def to_mermaid(plan: ExecutionPlan, statuses: Mapping[str, str] | None = None) -> str:
    """Text of a flowchart from top to bottom; loops and parallels are subgraphs, error and ordering edges dotted."""
    names = {node_id: f"n{index}" for index, node_id in enumerate(plan.nodes)}
    lines = ["flowchart TD", *_scope(plan, ROOT, names, "  ")]
    lines += [f"  {_edge(edge, names)}" for edge in plan_edges(plan)]
    states = {node_id: status for node_id, status in (statuses or {}).items() if node_id in names}
    for status in sorted(set(states.values()) & _COLOURS.keys()):
        members = ",".join(names[node_id] for node_id in plan.nodes if states.get(node_id) == status)
        lines += [f"  classDef {status} stroke:{_COLOURS[status]},stroke-width:2px", f"  class {members} {status}"]
    return "\n".join(lines) + "\n"


def _scope(plan: ExecutionPlan, scope: str, names: Mapping[str, str], indent: str) -> list[str]:
    lines = []
    for node_id in plan.scopes[scope].nodes:
        node = plan.nodes[node_id]
        if node_id not in plan.scopes:
            lines.append(f'{indent}{names[node_id]}["{_text(node)}"]')
            continue
        body = _scope(plan, node_id, names, indent + "  ")
        # Mermaid refuses a subgraph without a node.
        lines += [f'{indent}subgraph {names[node_id]}["{_text(node)}"]', *(body or [f"{indent}  {names[node_id]}e[ ]"])]
        lines.append(f"{indent}end")
    return lines


def _edge(edge: PlanEdge, names: Mapping[str, str]) -> str:
    arrow = "-.->" if edge.handle == "error" or edge.kind == "ordering" else "-->"
    label = f'|"{_escape(label_of(edge))}"|' if label_of(edge) else ""
    return f"{names[edge.origin or edge.source]} {arrow}{label} {names[edge.target]}"


def _text(node: ExecutableNode) -> str:
    return f"{_escape(node.name or node.id)}<br/><small>{_escape(node.type)}</small>"


def _escape(text: str) -> str:
    """Mermaid's own entity form; it has no other way to write quotes, and would read tags."""
    replaced = text.replace("#", "#35;").replace("&", "#38;").replace('"', "#quot;")
    return " ".join(replaced.replace("<", "#lt;").replace(">", "#gt;").replace("`", "#96;").split())
