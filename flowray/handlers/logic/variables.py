"""The ``variables`` node: sets several workflow variables at once. One change at a time is the ``variable`` node's."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, NodeType
from flowray.definition.policies import Lane
from flowray.engine.signals import VariableOperation
from flowray.errors import ErrorCode
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.typed_values import typed
from flowray.values import Json


class Assignment(NodeConfig):
    """One variable and its new value."""

    variable_name: str = Field(min_length=1, description="Name of the variable, read later as {{name}}.")
    value: Any = None
    value_type: str | None = Field(None, description="auto, string, number, boolean, json, object or array.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, variableName=("name", "variable"), valueType=("type",))


class VariablesConfig(NodeConfig):
    """What to set, in this order."""

    assignments: list[Assignment] = Field(default_factory=list)


class VariablesHandler:
    """Output: ``{name: value}`` of all assignments. In SIM's dialect a variable that is not declared is only in it."""

    node_type = NodeType(
        name="variables",
        summary="Sets several workflow variables.",
        config_model=VariablesConfig,
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator. Fails with INVALID_NODE_CONFIG for a value that does not fit its type."""
        values: dict[str, Json] = {}
        for entry in config_of(node, VariablesConfig).assignments:
            try:
                values[entry.variable_name] = typed(entry.value, entry.value_type or "auto")
            except ValueError as error:
                return NodeResult.failure(
                    ErrorCode.INVALID_NODE_CONFIG, f"cannot set variable {entry.variable_name!r}: {error}"
                )
        declared = node.names.variables if node.dialect == "sim" else values
        changes = (VariableOperation("set", name, value) for name, value in values.items() if name in declared)
        return NodeResult(data=values, variables=tuple(changes))
