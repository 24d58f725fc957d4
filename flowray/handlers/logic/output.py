"""The ``output`` node: names a result of the execution. Merging the results is the engine's business (R8)."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.definition.policies import Lane
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.conversions import truthy
from flowray.expressions.names import MISSING
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, number_of, rename, text_of
from flowray.handlers.references import value_of
from flowray.values import Json, decode_json


class OutputConfig(NodeConfig):
    """One of ``value``, ``fields`` and ``template`` says what the output is."""

    output_name: str = Field(min_length=1, description="Key of the value in the execution's outputs.")
    value: Any = Field(None, description="The value; a template that is one whole reference keeps its type.")
    fields: list[str] | None = Field(None, description="Names to gather into one object, instead of a value.")
    template: Any = Field(None, description="Text instead of a value.")
    format: Literal["json", "string", "number", "boolean", "text", "markdown", "html"] | None = Field(
        None, description="Convert the value; without it, it stays as it is."
    )

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, outputName=("outputVariable", "name"))

    @model_validator(mode="after")
    def _says_what(self) -> OutputConfig:
        if self.fields is None and "template" not in self.model_fields_set:
            if "value" not in self.model_fields_set:
                raise ValueError("value: Required")
            if self.value == "" and self.format is not None:
                raise ValueError("value: Output value is required")
        return self


def convert(value: Json, wanted: str | None) -> Json:
    """``value`` in the wanted format. Raises NODE_FAILED for text that is no number or no JSON."""
    match wanted:
        case None:
            return value
        case "json":
            return _parse(value) if isinstance(value, str) else value
        case "number":
            number = float(value) if isinstance(value, bool) else number_of(value)
            if number is None or math.isnan(number):
                raise _unfit(value, "a number")
            return number
        case "boolean":
            return truthy(value)
        case _:
            return text_of(value)


def _parse(text: str) -> Json:
    try:
        return decode_json(text)
    except ValueError:
        # Real definitions say "json" and hand over prose; the text itself is a JSON value too.
        return text


def _unfit(value: Json, wanted: str) -> FlowrayError:
    return FlowrayError(ErrorCode.NODE_FAILED, f"the output value {text_of(value)[:100]!r} is not {wanted}")


class OutputHandler:
    """Output: ``{outputName: value}``."""

    node_type = NodeType(
        name="output",
        summary="Names a result of the execution.",
        config_model=OutputConfig,
        category="outputs",
        role=Role.OUTPUT,
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields={"outputName": FieldKind.LITERAL, "format": FieldKind.LITERAL, "fields": FieldKind.EXPRESSION},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator. Fails with NODE_FAILED if the value does not fit the format."""
        config = config_of(node, OutputConfig)
        if config.fields is not None:
            found = {name: value_of(name, node.names) for name in config.fields}
            value: Json = {name: item for name, item in found.items() if item is not MISSING}
        elif node.raw_config.get("template") is not None:
            value = text_of(config.template)
        else:
            value = config.value
        return NodeResult(data={config.output_name: convert(value, config.format)})
