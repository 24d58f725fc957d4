"""The ``input`` node: hands a value of the execution's inputs to the graph. Inputs are checked before the start."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.definition.policies import Lane
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, number_of, rename
from flowray.values import Json, decode_json


class InputConfig(NodeConfig):
    """``inputName`` picks one input; without it and without ``value`` the node hands on all inputs."""

    input_name: str | None = Field(None, description="Name of the input that this node hands on.")
    input_type: str = Field("text", description="text, json, number, boolean or file; converts text of that kind.")
    required: bool = False
    default_value: Any = Field(None, description="Used where the input is absent.")
    value: Any = Field(None, description="A fixed value, for a node without inputName.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, inputName=("inputVariable", "variableName"), defaultValue=("default",))


def convert(value: Json, input_type: str) -> Json:
    """Text as the value its declared type says (R57); what does not fit stays as it is."""
    if not isinstance(value, str):
        return value
    match input_type.lower():
        case "json" | "object" | "array":
            try:
                return decode_json(value)
            except ValueError:
                return value
        case "number" | "integer":
            number = number_of(value)
            return value if number is None else number
        case "boolean":
            return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower(), value)
        case _:
            return value


class InputHandler:
    """Output: ``{inputName: value}``, or all inputs of an unnamed node, or ``{"input": value}`` of a fixed one."""

    node_type = NodeType(
        name="input",
        summary="Hands an input of the execution to the graph.",
        config_model=InputConfig,
        category="inputs",
        role=Role.SOURCE,
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields=dict.fromkeys(("inputName", "inputType", "required", "defaultValue", "value"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator; no errors of its own."""
        config = config_of(node, InputConfig)
        if config.input_name:
            # An alias of an input node (its outputVariable or inputVariable) reads this one value, see NodeTask.
            value = node.inputs.get(config.input_name)
            if value is None:
                value = config.default_value if config.default_value is not None else config.value
            return NodeResult(data={config.input_name: convert(value, config.input_type)})
        if "value" in config.model_fields_set:
            return NodeResult(data={"input": convert(config.value, config.input_type)})
        return NodeResult(data=dict(node.inputs))
