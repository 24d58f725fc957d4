"""The ``variable`` node: changes a workflow variable. The change itself is applied by the engine (R17)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.engine.signals import VariableOperation
from flowray.errors import ErrorCode
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, number_of, rename
from flowray.handlers.typed_values import typed
from flowray.values import Json


class VariableConfig(NodeConfig):
    """``operation`` on ``variableName``; ``valueType`` converts text first."""

    operation: Literal["set", "append", "increment", "merge", "get"] = "set"
    variable_name: str = Field(min_length=1, description="Name of the variable, read later as {{name}}.")
    value: Any = Field(None, description="New value; the item to append; the step; the object to merge.")
    value_type: str = Field("auto", description="auto, string, number, boolean or json.")
    scope: str = Field("workflow", description="Variables live as long as the execution.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, variableName=("name", "variable", "key"), operation=("action",))


def _after(operation: str, before: Json, value: Json) -> Json:
    """The value that this node sees after its own operation. Raises ValueError where it cannot be applied."""
    match operation:
        case "append":
            items = before if isinstance(before, list) else [] if before is None else [before]
            return [*items, value]
        case "increment":
            start, step = number_of(before if before is not None else 0), number_of(1 if value is None else value)
            if start is None or step is None:
                raise ValueError("increment needs numbers")
            return start + step
        case "merge":
            if not isinstance(value, dict) or not isinstance(before, dict | None):
                raise ValueError("merge needs objects")
            return {**(before or {}), **value}
        case _:
            return value


class VariableHandler:
    """Output: the variable's value after the operation."""

    node_type = NodeType(
        name="variable",
        summary="Sets, appends to, increments, merges into or reads a workflow variable.",
        config_model=VariableConfig,
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields=dict.fromkeys(("operation", "scope", "valueType"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator. Fails with INVALID_NODE_CONFIG if the value does not fit type or operation."""
        config = config_of(node, VariableConfig)
        before = node.names.variables.get(config.variable_name)
        if config.operation == "get":
            return NodeResult(data=before)
        try:
            value = typed(config.value, config.value_type)
            after = _after(config.operation, before, value)
        except ValueError as error:
            return NodeResult.failure(
                ErrorCode.INVALID_NODE_CONFIG, f"cannot {config.operation} variable {config.variable_name!r}: {error}"
            )
        if config.operation == "increment":
            value = number_of(1 if value is None else value)
        change = VariableOperation(op=config.operation, name=config.variable_name, value=value)
        return NodeResult(data=after, variables=(change,))
