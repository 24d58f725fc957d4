"""The ``trigger`` node: where an execution begins. When it begins is the business of triggers, not of the node."""

from __future__ import annotations

from pydantic import Field

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig


class TriggerConfig(NodeConfig):
    """What starts the workflow. Read by the trigger service; the node itself only hands the payload on."""

    trigger_type: str = Field("manual", description="manual, schedule, cron, webhook or event.")
    schedule: str | None = Field(None, description="Cron expression of a schedule.")
    timezone: str | None = None


class TriggerHandler:
    """Output: the payload, which is the inputs of the execution."""

    node_type = NodeType(
        name="trigger",
        summary="Begins an execution and hands on what triggered it.",
        config_model=TriggerConfig,
        category="inputs",
        lane=Lane.INLINE,
        effects=Effects.NONE,
        fields=dict.fromkeys(("triggerType", "schedule", "timezone"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator; no errors of its own."""
        return NodeResult(data=dict(node.inputs))
