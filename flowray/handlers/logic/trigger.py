"""The ``trigger`` node: where an execution begins. When it begins is the business of triggers, not of the node."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig
from flowray.triggers.configs import trigger_of_node


class TriggerConfig(NodeConfig):
    """What starts the workflow, in the fields of the trigger's kind. A save registers it, a publish enables it; the
    node itself only hands the payload on."""

    trigger_type: str = Field("manual", description="manual, schedule, webhook or event.")
    cron: str | None = Field(None, description="Of a schedule: five fields, or six with seconds first.")
    schedule: Any = Field(None, description="Another spelling of cron.")
    every: Any = Field(None, description="Of a schedule, instead of cron: 90s, 15m, 1h30m.")
    timezone: str | None = Field(None, description="IANA name; UTC by default.")
    input_mapping: dict[str, Any] | None = Field(
        None, description="What each input is made of: templates over the payload. Without it the payload is the input."
    )

    @model_validator(mode="before")
    @classmethod
    def _is_a_trigger(cls, values: Any) -> Any:
        # A template may become anything; what it becomes is looked at when the trigger is registered.
        if isinstance(values, dict) and "{{" not in str(_without_mapping(values)):
            trigger_of_node(values)
        return values


def _without_mapping(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("inputMapping", "input_mapping")}


_LITERAL = (
    "triggerType", "kind", "cron", "cronExpression", "schedule", "every", "timezone", "overlap", "catchUp",
    "maxCatchUp", "maxQueued", "methods", "method", "auth", "authType", "header", "timestampHeader", "toleranceMs",
    "allowedOrigins", "respond", "waitMs", "deliveryHeader", "maxBodyBytes", "event", "eventType", "filter",
    "inputMapping",
)  # fmt: skip


class TriggerHandler:
    """Output: the payload, which is the inputs of the execution."""

    node_type = NodeType(
        name="trigger",
        summary="Begins an execution and hands on what triggered it.",
        config_model=TriggerConfig,
        category="inputs",
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        # Its templates read the payload, before there is an execution.
        fields=dict.fromkeys(_LITERAL, FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator; no errors of its own."""
        return NodeResult(data=dict(node.inputs))
