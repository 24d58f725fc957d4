"""Which nodes give an execution its outputs (R8), and whether two of them may claim one name. Collects no output."""

from __future__ import annotations

from flowray.compiler.bodies import reach_within
from flowray.compiler.edges import Order
from flowray.compiler.graph import Graph
from flowray.compiler.paths import Paths
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.node_type import Role

_MAX_COMPARISONS = 20
"""Pairs of outputs with one name that are looked at closely: each costs walks through the graph."""


def find_outputs(graph: Graph, paths: Paths, order: Order, diagnostics: Diagnostics) -> tuple[str, ...]:
    """The output nodes in plan order; two of one name are reported unless a branch lets only one of them run."""
    found = [node_id for node_id in order.rank if graph.role(node_id) is Role.OUTPUT]
    first: dict[str, str] = {}
    compared = 0
    for node_id in found:
        name = graph.nodes[node_id].config.get("outputName")
        if not isinstance(name, str) or not name:
            continue
        earlier = first.setdefault(name, node_id)
        if earlier == node_id:
            continue
        compared += 1
        if compared <= _MAX_COMPARISONS and _exclusive(graph, paths, earlier, node_id):
            continue
        diagnostics.warning(
            DiagnosticCode.DUPLICATE_OUTPUT,
            f"Both {earlier!r} and {node_id!r} give the output {name!r}; if both run, the later one counts.",
            node_id=node_id,
            pointer=pointer("nodes", node_id, "config", "outputName"),
            hint="Give the outputs different names.",
        )
    return tuple(found)


def _exclusive(graph: Graph, paths: Paths, left: str, right: str) -> bool:
    """Whether some node lies on every way to both, and leads to them by different handles."""
    for node_id in paths.reachable:
        by_handle: dict[str, list[str]] = {}
        for link in graph.outgoing[node_id]:
            by_handle.setdefault(link.handle, []).append(link.target)
        if len(by_handle) < 2:
            continue
        ways = [reach_within(graph, targets, blocked={node_id}, cut=()) for targets in by_handle.values()]
        apart = not any(left in way and right in way for way in ways)
        if apart and any(left in way for way in ways) and any(right in way for way in ways):
            around = reach_within(graph, paths.starts, blocked={node_id}, cut=())
            if left not in around and right not in around:
                return True
    return False
