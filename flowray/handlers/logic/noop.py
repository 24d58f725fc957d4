"""The ``noop`` node: a place in the graph where nothing happens. Unlike a note, edges lead through it."""

from __future__ import annotations

from flowray.definition.node_type import Effects, NodeType
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig


class NoopConfig(NodeConfig):
    """Nothing of its own."""


class NoopHandler:
    """Output: ``{skipped: true}``, as FlowMaestro has it."""

    node_type = NodeType(
        name="noop",
        summary="Does nothing: a junction, or a place kept for a node to come.",
        config_model=NoopConfig,
        aliases=("skip", "placeholder"),
        category="logic",
        computes=True,
        effects=Effects.NONE,
    )

    def can_handle(self, type_name: str) -> bool:
        """``noop`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """No errors of its own."""
        return NodeResult(data={"skipped": True})
