"""What an execution returns (R8) and how far it has come. Pure functions of plan and state."""

from __future__ import annotations

from typing import Any

from flowray.engine.plan_index import PlanIndex
from flowray.engine.state import ExecutionState, ScopeState
from flowray.engine.statuses import NodeStatus
from flowray.plan import ROOT
from flowray.values import Value, to_wire


def execution_outputs(index: PlanIndex, state: ExecutionState) -> Value:
    """The outputs of completed output nodes merged in plan order; with none, the dialect's default.

    A node that asked to finish replaces all; of a run until a node it is that node's output. Values above the inline
    limit stay references (``$flowray``).
    """
    if state.finishing:
        return to_wire(state.finish_output)
    root = state.scopes.get("")
    if root is None:
        return {}
    until = state.selection.run_until if state.selection is not None else None
    if until is not None and until not in index.plan.output_nodes and _completed(root, until):
        output = to_wire(root.nodes[until].output)
        return output if index.plan.dialect.outputs_default == "bare_terminal" else {until: output}
    ended = [node_id for node_id in index.plan.output_nodes if _completed(root, node_id)]
    if ended:
        return _merge(root, ended)
    if index.plan.dialect.outputs_default == "variables":
        # FlowMaestro treats nodes that nothing follows as output nodes; it has its variables where there are none.
        last = [node_id for node_id in index.scope_nodes[ROOT] if not index.nodes[node_id].outgoing]
        return dict(state.variables) or _merge(root, [node_id for node_id in last if _completed(root, node_id)])
    if state.last_terminal is not None:
        return to_wire(root.nodes[state.last_terminal].output)
    terminals = {
        node_id: to_wire(node.output)
        for node_id in index.scope_nodes[ROOT]
        if (node := root.nodes[node_id]).status is NodeStatus.COMPLETED and not node.leads_on and node.has_output
    }
    if index.plan.dialect.outputs_default == "bare_terminal" and len(terminals) == 1:
        return next(iter(terminals.values()))
    return terminals


def _completed(root: ScopeState, node_id: str) -> bool:
    node = root.nodes.get(node_id)
    return node is not None and node.status is NodeStatus.COMPLETED


def _merge(root: ScopeState, node_ids: list[str]) -> dict[str, Any]:
    """Objects merged, later ones winning; anything else under its node's id."""
    merged: dict[str, Any] = {}
    for node_id in node_ids:
        value = to_wire(root.nodes[node_id].output)
        merged.update(value if isinstance(value, dict) and "$flowray" not in value else {node_id: value})
    return merged


def progress(index: PlanIndex, state: ExecutionState) -> dict[str, Any]:
    """``{total, completed, failed, skipped, running[], completed_nodes[], percent}`` over the root scope's nodes."""
    root = state.scopes.get("")
    counts = state.counts
    completed, failed, skipped = (counts.get(status, 0) for status in ("completed", "failed", "skipped"))
    over = completed + failed + skipped + counts.get("cancelled", 0)
    nodes = root.nodes.items() if root else ()
    return {
        "total": index.total,
        "completed": completed,
        "failed": failed,
        "skipped": skipped,
        "running": list(state.running),
        "completed_nodes": [node_id for node_id, node in nodes if node.status is NodeStatus.COMPLETED],
        "percent": round(over * 100 / max(index.total, 1)),
    }
