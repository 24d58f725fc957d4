"""A node with an effect that costs nothing, for benchmarks: what is left is what flowray itself takes for one.

A server started by ``benchmarks/server.py`` finds the benchmarks' nodes as it finds any plugin, by entry points.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.token_node import NAME as TOKENS
from benchmarks.work_node import NAME as WORK
from flowray.definition.node_type import Effects, NodeType
from flowray.handlers.handler import NodeInput, NodeResult

NAME = "bench-effect"
_METADATA = "Metadata-Version: 2.1\nName: flowray-bench-nodes\nVersion: 0\n"
_TYPES = {NAME: "effect_node:EffectNode", TOKENS: "token_node:TokenNode", WORK: "work_node:WorkNode"}
_ENTRY_POINTS = "[flowray.nodes]\n" + "".join(f"{name} = benchmarks.{where}\n" for name, where in _TYPES.items())


class EffectNode:
    """Output: one more than ``n``. It is committed before the next node starts, and its start before it runs (R23)."""

    node_type = NodeType(name=NAME, summary="Counts.", effects=Effects.WRITE, near=True)

    def can_handle(self, type_name: str) -> bool:
        """The one type."""
        return type_name == NAME

    async def execute(self, node: NodeInput) -> NodeResult:
        """Fails with INVALID_NODE_CONFIG if ``n`` is no number."""
        return NodeResult(data=int(node.config["n"]) + 1)


def install(folder: Path) -> None:
    """Make a folder on the path say where the types are: this one, and those of its neighbours."""
    place = folder / "flowray_bench_nodes-0.dist-info"
    place.mkdir(parents=True, exist_ok=True)
    (place / "METADATA").write_text(_METADATA)
    (place / "entry_points.txt").write_text(_ENTRY_POINTS)
