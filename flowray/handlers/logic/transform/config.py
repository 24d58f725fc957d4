"""The config of a ``transform`` node, in all spellings real files use. Does nothing with it."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from flowray.definition.node_type import FieldKind
from flowray.handlers.node_config import NodeConfig, rename

Operation = Literal[
    "map", "filter", "reduce", "sort", "merge", "extract", "custom", "parseXML", "parseJSON", "passthrough",
    "template", "aggregate", "flatten", "set", "deduplicate",
]  # fmt: skip

_BY_LOWER = {name.lower(): name for name in get_args(Operation)}
_SYNONYMS = {"jsonata": "custom", "javascript": "custom", "dedupe": "deduplicate", "unique": "deduplicate"}

FIELDS = {
    "operation": FieldKind.LITERAL, "transformType": FieldKind.LITERAL, "mode": FieldKind.LITERAL,
    "inputData": FieldKind.PATH, "inputField": FieldKind.PATH, "input": FieldKind.PATH, "data": FieldKind.PATH,
    "inputArray": FieldKind.PATH,
    "expression": FieldKind.JSONATA, "sources": FieldKind.EXPRESSION, "path": FieldKind.LITERAL,
    "keyFields": FieldKind.LITERAL, "keep": FieldKind.LITERAL, "field": FieldKind.LITERAL,
    "groupBy": FieldKind.LITERAL,
}  # fmt: skip
"""How each config field is read (R7). Unlisted ones are templates."""


class TransformConfig(NodeConfig):
    """``operation`` on ``inputData``. ``expression`` is JSONata, or JavaScript if it is an arrow function."""

    operation: Operation = "passthrough"
    input_data: Any = Field(None, description="A name or reference, such as ${orders.items}.")
    expression: str = Field("", description="JSONata, an arrow function, a path (sort, extract) or a template.")
    mode: str | None = Field(None, description="javascript or jsonata, where the expression leaves it open.")
    sources: list[Any] | None = Field(None, description="Names or references to merge or flatten.")
    merge_data: Any = Field(None, description="An object to merge over the input, or its JSON text.")
    template: Any = Field(None, description="Text; a template that is one whole reference keeps its type.")
    operations: list[Any] | None = Field(
        None,
        description="Steps, [{type: set, path, value}, …]: set, delete, normalize, deduplicate, validate, aggregate.",
    )
    path: str | None = Field(None, description="Path to extract.")
    initial_value: Any = Field(None, description="Start of a reduce; without it, the first item.")
    key_fields: list[str] | None = Field(None, description="Fields that tell duplicates.")
    keep: Literal["first", "last"] = "first"
    case_sensitive: bool = True
    field: str | None = Field(None, description="Field to aggregate.")
    group_by: str | None = Field(None, description="Field to group by before aggregating.")
    order: str = Field("asc", description="asc or desc, for a sort by path.")
    depth: int = Field(1, ge=1, le=100, description="Levels to flatten.")
    timeout_ms: int = Field(5_000, gt=0, le=300_000)

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, operation=("transformType",), inputData=("inputField", "inputArray", "input", "data"),
            expression=("jsonata", "code"), keyFields=("keys",),
        )  # fmt: skip
        if not isinstance(given, dict):
            return given
        given = {key: value for key, value in given.items() if value is not None}
        operation = given.get("operation", _inferred(given))
        if isinstance(operation, str):
            lowered = operation.lower()
            given["operation"] = _BY_LOWER.get(_SYNONYMS.get(lowered, lowered), operation)
        return given


def _inferred(given: dict[str, Any]) -> str:
    """The operation that the other fields speak of."""
    for field, operation in (
        ("template", "template"),
        ("operations", "set"),
        ("sources", "merge"),
        ("expression", "custom"),
    ):
        if given.get(field) not in (None, "", [], {}):
            return operation
    return "passthrough"
