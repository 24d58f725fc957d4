"""What travels together: chains of nodes that one dispatch can carry (R21). A hint; dropping it changes no result."""

from __future__ import annotations

from collections.abc import Mapping

from flowray.compiler.edges import Order, ScopeEdges
from flowray.compiler.handles import SOURCE
from flowray.definition.node_type import Effects, Role
from flowray.plan import ExecutableNode, PlanEdge

MAX_SEGMENT = 32
"""Nodes in one segment: results of a segment return together, so a longer one would only delay progress."""

_FUSED_ROLES = frozenset({Role.PLAIN, Role.SOURCE, Role.OUTPUT})


def find_segments(nodes: Mapping[str, ExecutableNode], edges: Mapping[str, ScopeEdges], order: Order) -> dict[str, str]:
    """Node id → segment, which is named after its first node. Nodes that travel alone are missing."""
    segments: dict[str, str] = {}
    for scope, content in edges.items():
        outgoing: dict[str, list[PlanEdge]] = {}
        incoming: dict[str, list[PlanEdge]] = {}
        for edge in content.edges:
            outgoing.setdefault(edge.source, []).append(edge)
            incoming.setdefault(edge.target, []).append(edge)
        done: set[str] = set()
        for first in order.scopes[scope]:
            if first in done:
                continue
            chain = [first]
            while len(chain) < MAX_SEGMENT:
                following = _only_follower(nodes, chain[-1], outgoing, incoming)
                if following is None:
                    break
                chain.append(following)
            done.update(chain)
            if len(chain) > 1:
                segments.update(dict.fromkeys(chain, first))
    return segments


def _only_follower(
    nodes: Mapping[str, ExecutableNode],
    node_id: str,
    outgoing: Mapping[str, list[PlanEdge]],
    incoming: Mapping[str, list[PlanEdge]],
) -> str | None:
    edges = outgoing.get(node_id, [])
    if len(edges) != 1 or edges[0].handle != SOURCE or edges[0].kind != "flow":
        return None
    target = edges[0].target
    if len(incoming[target]) != 1 or not _fusible(nodes[node_id]) or not _fusible(nodes[target]):
        return None
    together = nodes[node_id].lane is nodes[target].lane and nodes[node_id].resources == nodes[target].resources
    return target if together else None


def _fusible(node: ExecutableNode) -> bool:
    # An effect waits for the commit of what came before it, so nothing may travel with it (R23).
    return node.role in _FUSED_ROLES and node.effects is Effects.NONE and not node.streams and node.known_type
