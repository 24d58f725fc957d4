"""Base of the config models of node types, and how a handler gets at its own. Not a place for any type's fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.conversions import parse_number, to_text
from flowray.handlers.handler import NodeInput
from flowray.values import Json

M = TypeVar("M", bound=BaseModel)


class NodeConfig(BaseModel):
    """camelCase in JSON, snake_case in code, unknown fields kept: real files carry more than any model lists."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")


def parse_config(model: type[M], config: Mapping[str, Any], node_type: str) -> M:
    """``config`` as ``model``. Raises INVALID_NODE_CONFIG that lists every wrong field with its JSON pointer."""
    try:
        return model.model_validate(dict(config))
    except ValidationError as error:
        problems = [
            {"pointer": "/" + "/".join(str(part) for part in item["loc"]), "message": item["msg"]}
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        listed = "; ".join(
            f"{problem['pointer'].lstrip('/') or 'config'}: {problem['message']}" for problem in problems
        )
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG,
            f"the config of this {node_type} node is wrong: {listed}",
            details={"errors": problems},
            hint=f"see the config schema of {node_type!r} among the node types",
        ) from error


def config_of(node: NodeInput, model: type[M]) -> M:
    """The validated config of ``node``; validates it here where no one has before. Raises as ``parse_config``."""
    if isinstance(node.parsed, model):
        return node.parsed
    return parse_config(model, node.config, node.node_type)


def text_of(value: Json) -> str:
    """A config value as text; null is the empty text."""
    return "" if value is None else to_text(value)


def number_of(value: Json) -> int | float | None:
    """A config value as a number, written as one or as text; None for anything else, booleans included."""
    if isinstance(value, str):
        return parse_number(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def rename(values: Any, /, **spellings: tuple[str, ...]) -> Any:
    """Give fields their canonical spelling: ``rename(v, url=("uri",))`` moves ``uri`` to ``url`` unless that is set.

    For ``mode="before"`` validators; anything but a mapping is returned as it is.
    """
    if not isinstance(values, Mapping):
        return values
    renamed = dict(values)
    for canonical, others in spellings.items():
        for other in others:
            if other in renamed and renamed.get(canonical) is None:
                renamed[canonical] = renamed.pop(other)
    return renamed
