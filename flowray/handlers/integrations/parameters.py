"""Parameters of an operation: taken from a node's config, made to fit the operation's schema, or refused in detail."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.operations import Operation
from flowray.values import Json, decode_json, encode_json

SHOWN_PROBLEMS = 20


def fitted(operation: Operation, given: Mapping[str, Json], inline: Collection[str]) -> dict[str, Json]:
    """What is ``given``, as the schema wants it: templates make text of numbers, booleans and lists.

    Fields of ``inline`` stood beside the operation's name, where a node has others, too: what the operation does not
    know of them is left out. Raises INVALID_NODE_CONFIG that lists every problem with its JSON pointer.
    """
    schema = operation.parameters
    known: Mapping[str, Any] = schema.get("properties", {})
    closed = schema.get("additionalProperties") is False
    parameters = {
        name: _converted(value, known.get(name, {}))
        for name, value in given.items()
        if not (closed and name in inline and name not in known) and not (value is None and _optional(name, schema))
    }
    problems = [
        {"pointer": "/parameters" + "".join(f"/{part}" for part in error.absolute_path), "message": error.message[:500]}
        for error in _validator(encode_json(schema)).iter_errors(parameters)
    ]
    if problems:
        listed = "; ".join(f"{problem['pointer']}: {problem['message']}" for problem in problems[:SHOWN_PROBLEMS])
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG,
            f"the parameters of {operation.name} are wrong: {listed}",
            details={"errors": problems[:SHOWN_PROBLEMS], "operation": operation.name},
            hint="the operation's parameters are: " + (", ".join(known) or "none"),
        )
    return parameters


def _optional(name: str, schema: Mapping[str, Any]) -> bool:
    """Null where a template found nothing: the same as not given, unless the operation needs it."""
    return name not in schema.get("required", ())


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> Validator:
    validator: Validator = Draft202012Validator(decode_json(schema))
    return validator


def _converted(value: Json, schema: Any) -> Json:
    """Text as the type that the schema asks for, if it reads as one; anything else as it is."""
    wanted = schema.get("type") if isinstance(schema, Mapping) else None
    if wanted == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if wanted == "array" and value is not None and not isinstance(value, list | str):
        return [value]
    if not isinstance(value, str) or not isinstance(wanted, str) or wanted == "string":
        return value
    try:
        read = decode_json(value)
    except ValueError:
        # A list of one, or of several with commas between: how people write addresses and labels.
        return [part.strip() for part in value.split(",") if part.strip()] if wanted == "array" else value
    fits = {
        "integer": isinstance(read, int) and not isinstance(read, bool),
        "number": isinstance(read, int | float) and not isinstance(read, bool),
        "boolean": isinstance(read, bool),
        "object": isinstance(read, dict),
        "array": isinstance(read, list),
    }
    if wanted == "array" and not fits["array"]:
        return [read]
    return read if fits.get(wanted, False) else value
