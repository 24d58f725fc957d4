"""The config model of a function's parameters: what ``@flowray.node`` makes of a signature. Calls nothing."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_origin, get_type_hints

from pydantic import BaseModel, Field, create_model
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_config import NodeConfig

CONTEXT = "ctx"
"""The parameter that gets the NodeContext; it is no field of the config."""

_ARGS = re.compile(r"^(?:Args|Arguments|Parameters):\s*$", re.MULTILINE)
_ARG = re.compile(r"^\s+(\w+)(?:\s*\([^)]*\))?:\s*(.+)$")
_PARAM = re.compile(r"^\s*:param\s+(?:\S+\s+)?(\w+):\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Parameters:
    """How a config becomes arguments. ``fields`` maps parameters to fields of ``model``, ``positional`` come first.

    ``rest``: the function takes any further fields by name.
    """

    model: type[BaseModel]
    fields: Mapping[str, str]
    positional: tuple[str, ...] = ()
    rest: bool = False
    wants_context: bool = False

    def arguments(self, config: BaseModel, context: Any) -> tuple[list[Any], dict[str, Any]]:
        """What to call the function with."""
        given = {name: getattr(config, field_name) for name, field_name in self.fields.items()}
        if self.rest:
            given = {**(config.model_extra or {}), **given}
        if self.wants_context:
            given[CONTEXT] = context
        first = [given.pop(name) for name in self.positional]
        return first, given


@dataclass
class _Building:
    definitions: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    positional: list[str] = field(default_factory=list)
    rest: bool = False
    wants_context: bool = False


def parameters_of(function: Callable[..., Any]) -> Parameters:
    """The parameters of a function as a config model: camelCase in JSON, as the types of the house are.

    Raises CONFIGURATION for a signature or a type that no config can be made of.
    """
    name = getattr(function, "__name__", repr(function))
    hints = _hints(function, name)
    described = _described(inspect.getdoc(function) or "")
    building = _Building()
    for parameter in inspect.signature(function).parameters.values():
        _add(building, parameter, hints.get(parameter.name, Any), described, name)
    try:
        model = create_model(f"{to_camel(name)[:1].upper()}{to_camel(name)[1:]}Config", __base__=NodeConfig,
                             **building.definitions)  # fmt: skip
        model.model_json_schema(by_alias=True)
    except Exception as error:
        raise _wrong(name, f"its parameters have no JSON Schema: {error}") from error
    return Parameters(
        model, building.fields, tuple(building.positional), building.rest, building.wants_context
    )  # fmt: skip


def _add(
    building: _Building, parameter: inspect.Parameter, kind: Any, described: Mapping[str, str], function: str
) -> None:
    name = parameter.name
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        raise _wrong(function, f"*{name} has no place in a config", "take a list instead")
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        building.rest = True
        return
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        building.positional.append(name)
    if name == CONTEXT:
        building.wants_context = True
        return
    # Pydantic reserves some names and all that begin with an underscore; in JSON each keeps its own.
    reserved = hasattr(NodeConfig, name) or name.startswith(("_", "model_"))
    field_name = f"{name.strip('_')}_of_config" if reserved else name
    about: dict[str, Any] = {"alias": to_camel(name.strip("_"))} if reserved else {}
    if name in described and not _has_description(kind):
        about["description"] = described[name]
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    building.definitions[field_name] = (Annotated[kind, Field(**about)] if about else kind, default)
    building.fields[name] = field_name


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise _wrong(name, f"its annotations cannot be read: {error}", "define the types in the module") from error


def _has_description(kind: Any) -> bool:
    metadata = getattr(kind, "__metadata__", ()) if get_origin(kind) is Annotated else ()
    return any(isinstance(item, FieldInfo) and item.description for item in metadata)


def _described(doc: str) -> dict[str, str]:
    """What a docstring says of parameters, in an ``Args:`` section or as ``:param name:``."""
    found = {match[1]: match[2].strip() for match in _PARAM.finditer(doc)}
    start = _ARGS.search(doc)
    for line in doc[start.end() :].strip("\n").splitlines() if start is not None else ():
        match = _ARG.match(line)
        if match is not None:
            found[match[1]] = match[2].strip()
        elif line and not line[0].isspace():
            break
    return found


def _wrong(function: str, problem: str, hint: str | None = None) -> FlowrayError:
    return FlowrayError(ErrorCode.CONFIGURATION, f"the function {function!r} cannot be a node: {problem}", hint=hint)
