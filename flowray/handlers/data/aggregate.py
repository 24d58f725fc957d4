"""The ``aggregate`` node: one value out of a list. The transform node has the same among its operations."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.stored_lists import whole
from flowray.handlers.aggregates import KNOWN, aggregate, operation_named
from flowray.handlers.collection import as_items
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.logic.transform.operations import at_path
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.values import Json


class AggregateConfig(NodeConfig):
    """``operation`` on the items of ``inputArray``, or on one field of each."""

    input_array: Any = Field(None, description="A name or reference, such as ${numbers}: a list.")
    operation: str = Field("collect", description=f"One of {', '.join(KNOWN)}.")
    field: str = Field("", description="Path of the value inside each item; the item itself if left out.")
    group_by: str = Field("", description="Path inside each item: the output has a value for each group.")
    separator: str | None = Field(None, description="Between the texts of a concat.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, inputArray=("inputData", "input", "items", "array", "data", "sources", "source"),
            operation=("aggregation", "aggregationType", "function", "method"), field=("path", "key", "property"),
        )  # fmt: skip
        if isinstance(given, dict):
            given = {key: value for key, value in given.items() if value is not None}
            operation = given.get("operation")
            if isinstance(operation, str) and operation.lower() == "groupby":
                given["operation"] = "collect"
        return given

    @model_validator(mode="after")
    def _known(self) -> AggregateConfig:
        if operation_named(self.operation) is None:
            raise ValueError(f"unknown operation {self.operation!r}; known: {', '.join(KNOWN)}")
        return self


class AggregateHandler:
    """Output: the value itself; with ``groupBy`` an object of values by group, in order of their first items."""

    node_type = NodeType(
        name="aggregate",
        summary="One value out of a list: a sum, a mean, the largest, the distinct ones, or one for each group.",
        config_model=AggregateConfig,
        aliases=("aggregator",),
        category="data",
        computes=True,
        effects=Effects.NONE,
        fields={
            **dict.fromkeys(
                ("inputArray", "inputData", "input", "items", "array", "data", "sources", "source"), FieldKind.PATH
            ),
            **dict.fromkeys(("operation", "field", "path", "key", "property", "groupBy"), FieldKind.LITERAL),
        },
    )

    def can_handle(self, type_name: str) -> bool:
        """``aggregate`` and its alias."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises COLLECTION_INVALID for what is no list."""
        config = config_of(node, AggregateConfig)
        if config.input_array is None:
            raise FlowrayError(
                ErrorCode.COLLECTION_INVALID, "aggregate needs a list: inputArray is missing, or null",
                hint="inputArray names it, such as ${numbers}",
            )  # fmt: skip
        items = whole(as_items(config.input_array, "inputArray", node.dialect))
        if not config.group_by:
            return NodeResult(data=_value(items, config))
        groups: dict[str, list[Json]] = {}
        for item in items:
            groups.setdefault(text_of(at_path(item, config.group_by)), []).append(item)
        return NodeResult(data={name: _value(members, config) for name, members in groups.items()})


def _value(items: list[Json], config: AggregateConfig) -> Json:
    values = [at_path(item, config.field) for item in items] if config.field else items
    if config.separator is not None and operation_named(config.operation) == "concat":
        return config.separator.join(text_of(value) for value in values)
    return aggregate(values, config.operation)
