"""The ``humanReview`` node: asks a person for a value of a type, unless the inputs hold it already."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.answers import prepare_answer
from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.engine.signals import Signals, VariableOperation
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.waitpoint_config import LITERAL_FIELDS, WaitpointConfig, pause_of

_TYPES = {"text": "string", "number": "number", "boolean": "boolean"}

_FIELD_TYPES = {
    **{name: {"type": name} for name in ("string", "number", "boolean", "object", "array")},
    "text": {"type": "string"}, "files": {"type": "array"},
}  # fmt: skip
"""SIM's types of form fields; any JSON for others."""


class Validation(NodeConfig):
    """Bounds of the answer. ``jsonSchema`` is for answers of type json."""

    pattern: str | None = None
    min: int | float | None = None
    max: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    json_schema: dict[str, Any] | bool | None = None


class HumanReviewConfig(WaitpointConfig):
    """``variableName`` names the input that may hold the answer already, and the variable that is set to it."""

    prompt: str = Field("", description="What the person is asked.")
    description: str | None = Field(None, description="More about it, shown with the form.")
    input_type: Literal["text", "number", "boolean", "json"] | None = Field(None, description="None: any JSON.")
    placeholder: str | None = Field(None, description="An example of an answer.")
    required: bool = Field(True, description="False: with defaultValue nobody is asked, and null is an answer.")
    default_value: Any = Field(None, description="The answer if none is required.")
    validation: Validation = Field(default_factory=Validation, description="Bounds of the answer.")
    fields: list[dict[str, Any]] = Field(default_factory=list, description="A form: {name, type, required} per field.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, prompt=("reviewPrompt", "message", "question"), defaultValue=("default",), validation=("rules",)
        )
        if isinstance(given, dict):
            given = {name: value for name, value in given.items() if value is not None or name == "defaultValue"}
        return given


def expected_input(config: HumanReviewConfig) -> dict[str, Any] | None:
    """The JSON Schema of the answer, with what a form needs; None if any JSON will do."""
    bounds = config.validation
    schema: dict[str, Any] = _form(config) if config.fields else {}
    if isinstance(bounds.json_schema, dict):
        schema |= bounds.json_schema
    if config.input_type in _TYPES:
        kind = _TYPES[config.input_type]
        schema["type"] = kind if config.required else [kind, "null"]
    limits = {
        "pattern": bounds.pattern, "minimum": bounds.min, "maximum": bounds.max, "minLength": bounds.min_length,
        "maxLength": bounds.max_length,
    }  # fmt: skip
    schema |= {name: limit for name, limit in limits.items() if limit is not None}
    if config.input_type == "text" and config.required:
        schema.setdefault("minLength", 1)
    shown = {"description": config.description, "examples": [config.placeholder] if config.placeholder else None}
    schema |= {name: text for name, text in shown.items() if text}
    return schema or None


def _form(config: HumanReviewConfig) -> dict[str, Any]:
    """SIM's list of fields as a schema of an object."""
    named = [field for field in config.fields if isinstance(field.get("name"), str) and field["name"]]
    properties = {field["name"]: _FIELD_TYPES.get(str(field.get("type")), {}) for field in named}
    required = [field["name"] for field in named if field.get("required") is True]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


class HumanReviewHandler:
    """Output: the answer, which is also the value of ``variableName`` and of ``outputVariable``."""

    node_type = NodeType(
        name="humanReview",
        summary="Asks a person for a value, and waits until it is given.",
        config_model=HumanReviewConfig,
        category="people",
        aliases=("human-review", "human_review", "approval", "userInput"),
        lane=Lane.IO,  # a value among the inputs may meet an author's regular expression (R27)
        effects=Effects.NONE,
        fields={
            **LITERAL_FIELDS,
            **dict.fromkeys(("inputType", "required", "validation", "rules", "fields"), FieldKind.LITERAL),
        },
    )

    def can_handle(self, type_name: str) -> bool:
        """``humanReview`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_INPUT if the value among the inputs does not fit."""
        config = config_of(node, HumanReviewConfig)
        schema = expected_input(config)
        if config.variable_name and config.variable_name in node.inputs:
            node.log("The inputs hold the answer already", source="provided", variable=config.variable_name)
            return _answered(config, prepare_answer(schema, node.inputs[config.variable_name]))
        if not config.required and "default_value" in config.model_fields_set:
            return _answered(config, config.default_value)
        prompt = config.prompt or node.node_name or node.node_id
        pause = pause_of(
            node, config, reason=f"Waiting for human review: {prompt}", prompt=prompt, expected_input=schema
        )
        return NodeResult(signals=Signals(pause=pause))


def _answered(config: HumanReviewConfig, value: Any) -> NodeResult:
    names = (config.variable_name,) if config.variable_name else ()
    return NodeResult(
        data=value, variables=tuple(VariableOperation(op="set", name=name, value=value) for name in names)
    )
