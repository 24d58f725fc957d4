"""Do these inputs fit this workflow? Coerces, fills in defaults and names every misfit, before anything starts (R57).

Pure. What a workflow demands comes from its JSON Schema (``inputs``) and from its input nodes. Undeclared inputs are
kept, null does not override a default, and text becomes what its declared type says where it can be read as that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from flowray.definition.diagnostics import pointer
from flowray.definition.patterns import SchemaValidator, check_no_unbounded_search
from flowray.definition.workflow import WorkflowDefinition
from flowray.errors import DefinitionError, ErrorCode, InputError
from flowray.values import Json, decode_json

MAX_ERRORS = 100
"""Longest list of misfits in one answer: beyond these the sender has mistaken the workflow."""

_FORMATS = FormatChecker(formats=("date", "email", "idn-email", "ipv4", "ipv6", "uuid"))
"""Only formats whose check takes linear time and needs no further package; others are annotations, as the
specification has it by default."""

_NO_REMOTE: Registry[Any] = Registry()
"""Given to every validator: without it, jsonschema fetches remote ``$ref``s from the network."""

_NAMES = ("inputName", "input_name", "inputVariable", "input_variable", "variableName", "variable_name")
_DEFAULTS = ("defaultValue", "default_value", "default")
_TYPES = ("inputType", "input_type")


@dataclass(frozen=True)
class DeclaredInput:
    """An input that an input node hands on. ``default`` None: there is none."""

    name: str
    type: str = "text"
    required: bool = False
    default: Json = None


class DescribedNode(Protocol):
    """A node of a definition or of a plan."""

    @property
    def type(self) -> str: ...

    @property
    def config(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class InputContract:
    """What a workflow demands of its inputs. ``schema`` is JSON Schema 2020-12 or None."""

    declared: tuple[DeclaredInput, ...] = ()
    schema: Mapping[str, Any] | None = None


def input_contract(definition: WorkflowDefinition, reachable: Collection[str] | None = None) -> InputContract:
    """What the schema and the input nodes of a definition demand. Several nodes may hand on the same input.

    ``reachable``: the nodes that can run (those of the plan); input nodes that cannot demand nothing. None: all.
    """
    nodes = definition.nodes.items()
    kept = {node_id: node for node_id, node in nodes if reachable is None or node_id in reachable}
    return contract_of(kept, definition.inputs)


def contract_of(nodes: Mapping[str, DescribedNode], schema: Mapping[str, Any] | None) -> InputContract:
    """As ``input_contract``, for nodes that are at hand, such as those of a stored plan."""
    return InputContract(tuple(_declared(nodes)), schema)


def prepare_inputs(contract: InputContract, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with which to start: ``inputs`` coerced, with defaults. ``inputs`` itself is not changed.

    Raises InputError (INVALID_INPUT) whose ``details["errors"]`` lists ``{pointer, message}``, pointers being relative
    to the inputs; DefinitionError if the schema itself is none.
    """
    prepared = dict(inputs)
    for declared in contract.declared:
        _apply(prepared, declared.name, _coerce(prepared.get(declared.name), declared.type), declared.default)
    properties = (contract.schema or {}).get("properties")
    for name, schema in (properties if isinstance(properties, dict) else {}).items():
        if isinstance(schema, dict):
            _apply(prepared, name, coerce_by_schema(prepared.get(name), schema), schema.get("default"))
    errors = list(_misfits(contract, prepared))[:MAX_ERRORS]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(
            ErrorCode.INVALID_INPUT,
            f"the inputs do not fit the workflow: {errors[0]['message']}{more}",
            details={"errors": errors},
            hint="errors[] names every misfit by its JSON pointer",
        )
    return prepared


def _declared(nodes: Mapping[str, DescribedNode]) -> Iterator[DeclaredInput]:
    for node in nodes.values():
        if node.type != "input":
            continue
        name = _first(node.config, _NAMES)
        if isinstance(name, str) and name:
            yield DeclaredInput(
                name=name,
                type=str(_first(node.config, _TYPES) or "text").lower(),
                required=node.config.get("required") is True,
                default=_first(node.config, _DEFAULTS),
            )


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _apply(prepared: dict[str, Any], name: str, value: Json, default: Json) -> None:
    if value is not None:
        prepared[name] = value
    elif default is not None:
        prepared[name] = default


def _misfits(contract: InputContract, prepared: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    missing = [entry.name for entry in contract.declared if entry.required and prepared.get(entry.name) is None]
    for name in dict.fromkeys(missing):
        yield {"pointer": pointer(name), "message": f"the required input {name!r} is missing"}
    if contract.schema is not None:
        yield from schema_misfits(contract.schema, dict(prepared), "the workflow's inputs", set(missing))


def schema_misfits(
    schema: Mapping[str, Any], value: Json, whose: str, reported: Collection[str] = ()
) -> Iterator[dict[str, str]]:
    """``{pointer, message}`` of every misfit; ``reported`` are missing properties that need no second one.

    Raises DefinitionError if ``schema`` is no JSON Schema (2020-12); ``whose`` it is stands in the message.
    """
    try:
        validator = SchemaValidator(schema, registry=_NO_REMOTE, format_checker=_FORMATS)
        SchemaValidator.check_schema(dict(schema))
        check_no_unbounded_search(schema)
        for error in validator.iter_errors(value):
            yield from _described(error, reported)
    except (SchemaError, Unresolvable, RecursionError) as error:
        reason = "it refers to itself" if isinstance(error, RecursionError) else str(error).splitlines()[0][:300]
        raise DefinitionError(
            ErrorCode.INVALID_DEFINITION,
            f"the schema of {whose} cannot be used: {reason}",
            hint="it must be a JSON Schema (2020-12) without references to other documents",
        ) from error


def _described(error: ValidationError, reported: Collection[str]) -> Iterator[dict[str, str]]:
    if error.validator == "required" and isinstance(error.instance, dict):
        # jsonschema reports each missing property as an error of its parent; its name stands only in the message.
        wanted = error.validator_value if isinstance(error.validator_value, list) else []
        for name in (name for name in wanted if name not in error.instance):
            if error.message.startswith(repr(name)) and not (name in reported and not error.absolute_path):
                yield {
                    "pointer": pointer(*error.absolute_path, name),
                    "message": f"the required input {name!r} is missing",
                }
        return
    message = error.message if len(error.message) <= 300 else error.message[:300] + "…"
    yield {"pointer": pointer(*error.absolute_path), "message": message}


# -- text as what its type says -----------------------------------------------------------------------------------


def _coerce(value: Json, declared: str) -> Json:
    if not isinstance(value, str):
        return value
    match declared:
        case "number" | "integer":
            return _as_number(value)
        case "boolean":
            return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower(), value)
        case "json" | "object" | "array":
            return _as_json(value, (dict, list) if declared == "json" else (dict if declared == "object" else list,))
        case _:
            return value


def coerce_by_schema(value: Json, schema: Mapping[str, Any]) -> Json:
    """Text as the first of the schema's types that it can be read as; anything else as it is."""
    wanted = schema.get("type")
    types = [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []
    if not isinstance(value, str) or "string" in types:
        return value
    for name in types:
        coerced = _coerce(value, str(name))
        if coerced is not value and (name != "integer" or isinstance(coerced, int)):
            return coerced
    return value


def _as_number(text: str) -> Json:
    """The number that JSON would read; ``"Infinity"``, ``"0x10"`` and ``"1_000"`` stay text."""
    try:
        number = decode_json(text.strip())
    except msgspec.DecodeError:
        return text
    return number if isinstance(number, int | float) and not isinstance(number, bool) else text


def _as_json(text: str, wanted: tuple[type, ...]) -> Json:
    try:
        value = decode_json(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return value if isinstance(value, wanted) else text
