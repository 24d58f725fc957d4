"""The ``response`` node: ends the execution with its output. That nothing follows is the engine's business (R9)."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, NodeType
from flowray.definition.policies import Lane
from flowray.engine.signals import Signals
from flowray.errors import ErrorCode
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.typed_values import typed
from flowray.handlers.web.http import pairs
from flowray.values import Json

DEFAULT_HEADERS = {"Content-Type": "application/json"}


class ResponseField(NodeConfig):
    """One field of the data, with the type that its text is read as."""

    name: str = Field(min_length=1)
    type: str = Field("plain", description="string, number, boolean, object, array or json; plain leaves it as it is.")
    value: Any = None


class ResponseConfig(NodeConfig):
    """``data``, or ``fields`` that make an object. Status and headers are for whoever answers a web request with it."""

    data: Any = Field(None, description="What the execution returns.")
    fields: list[ResponseField] | None = Field(None, description="Typed fields of an object, instead of data.")
    status: int = Field(200, ge=100, le=599, description="HTTP status of the answer.")
    headers: Any = Field(None, description="An object, or a list of {key, value}.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, data=("value", "body"), status=("statusCode",))
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class ResponseHandler:
    """Output, and with it the execution's outputs: ``{data, status, headers}``."""

    node_type = NodeType(
        name="response",
        summary="Ends the execution with this answer; what already runs comes to its end, nothing else begins.",
        config_model=ResponseConfig,
        category="outputs",
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Runs in the orchestrator. Fails with INVALID_NODE_CONFIG for a field that does not fit its type."""
        config = config_of(node, ResponseConfig)
        data: Json = config.data
        if config.fields is not None:
            try:
                data = {field.name: typed(field.value, field.type) for field in config.fields}
            except ValueError as error:
                return NodeResult.failure(
                    ErrorCode.INVALID_NODE_CONFIG, f"the response does not fit its types: {error}"
                )
        headers = {**DEFAULT_HEADERS, **dict(pairs(config.headers, "headers"))}
        output: Json = {"data": data, "status": config.status, "headers": headers}
        return NodeResult(data=output, signals=Signals(finish=True))
