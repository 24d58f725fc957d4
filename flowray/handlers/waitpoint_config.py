"""What all node types have in common that wait for an answer: how long, what then, and under which name."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from pydantic import Field

from flowray.definition.inputs import schema_misfits
from flowray.definition.node_type import FieldKind
from flowray.engine.signals import Pause
from flowray.errors import DefinitionError, ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput
from flowray.handlers.node_config import NodeConfig

LITERAL_FIELDS = dict.fromkeys(
    ("expectedInput", "timeoutMs", "onTimeout", "variableName", "outputVariable", "waitpoint", "tags"),
    FieldKind.LITERAL,
)
"""A JSON Schema may hold braces that are no templates, and names are read by the compiler."""


class WaitpointConfig(NodeConfig):
    """After ``timeoutMs`` the answer is ``timeoutValue``, or the node fails with WAITPOINT_TIMEOUT."""

    timeout_ms: int | None = Field(None, gt=0, description="How long to wait; the node's timeoutMs, else 7 days.")
    on_timeout: Literal["error", "value"] | None = Field(
        None, description="error, or value: go on with timeoutValue. Without it, value if there is a timeoutValue."
    )
    timeout_value: Any = Field(None, description="The answer if nobody gives one in time.")
    variable_name: str | None = Field(None, description="A variable that is set to the answer.")
    waitpoint: str | None = Field(
        None, min_length=1, max_length=200, description="A name, by which it can be answered before it is reached."
    )
    tags: list[str] = Field(default_factory=list, max_length=10, description="Short texts to find it by.")


def _check_schema(node: NodeInput, schema: dict[str, Any] | None) -> None:
    """Raises INVALID_NODE_CONFIG: with a schema that is none, no answer would ever fit."""
    try:
        next(schema_misfits(schema or {}, None, "the answer"), None)
    except DefinitionError as error:
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG, f"the config of this {node.node_type} node is wrong: {error.message}"
        ) from error


def pause_of(
    node: NodeInput,
    config: WaitpointConfig,
    *,
    reason: str,
    prompt: str | None = None,
    expected_input: dict[str, Any] | None = None,
    kind: str = "person",
    source: str = "",
    fits: dict[str, Any] | None = None,
) -> Pause:
    """The signal with which such a node begins to wait. Raises INVALID_NODE_CONFIG if the schema is none.

    ``source`` is what else answers it (``waitpoint_sources``), of events those whose data ``fits``.
    """
    _check_schema(node, expected_input)
    goes_on = config.on_timeout == "value" or (config.on_timeout is None and "timeout_value" in config.model_fields_set)
    return Pause(
        reason=reason,
        prompt=prompt,
        expected_input=expected_input,
        kind=kind,
        timeout_ms=config.timeout_ms if config.timeout_ms is not None else node.timeout_ms,
        timeout_value=config.timeout_value if goes_on else msgspec.UNSET,
        variables=(config.variable_name,) if config.variable_name else (),
        name=config.waitpoint or "",
        source=source,
        filter=fits or {},
        tags=tuple(config.tags),
    )
