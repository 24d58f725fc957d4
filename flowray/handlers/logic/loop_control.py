"""The ``break`` and ``continue`` nodes: end the loop around them, or the round they are in. The engine does it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowray.definition.node_type import Effects, NodeType, Role
from flowray.definition.policies import Lane
from flowray.engine.signals import Signals
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of


class LoopControlConfig(NodeConfig):
    """What the round leaves behind."""

    value: Any = Field(None, description="Entry of this round in the loop's results; null without it.")


class _LoopControl:
    """What both have in common: they give their value, never fail, and say by their name what the engine is to do."""

    node_type: NodeType

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Never fails."""
        signals = Signals(loop_control=self.node_type.name)
        return NodeResult(data=config_of(node, LoopControlConfig).value, signals=signals)


def _leaving(name: str, summary: str) -> NodeType:
    return NodeType(
        name=name,
        summary=summary,
        config_model=LoopControlConfig,
        role=Role.LEAVE,
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
    )


class BreakHandler(_LoopControl):
    """Output: ``value``. No round follows; what already runs in this one goes on."""

    node_type = _leaving("break", "Ends the loop around it after the present round.")


class ContinueHandler(_LoopControl):
    """Output: ``value``. Nothing follows this node in its round; the next round begins when this one is done."""

    node_type = _leaving("continue", "Ends its path of the present round; the loop goes on with the next.")
