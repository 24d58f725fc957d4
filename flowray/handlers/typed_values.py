"""A value as the type that its author names: text is read, anything else must fit. No declared variables here."""

from __future__ import annotations

from flowray.expressions.conditions import parse_operand
from flowray.handlers.node_config import number_of, text_of
from flowray.values import Json, decode_json


def typed(value: Json, kind: str) -> Json:
    """``value`` as ``kind``: string, text, number, boolean, json, object or array; as it is under any other name.

    Raises ValueError where it does not fit.
    """
    match kind.lower():
        case "string" | "text":
            return text_of(value)
        case "number":
            number = number_of(value)
            if number is None:
                raise ValueError(f"{text_of(value)[:100]!r} is not a number")
            return number
        case "boolean":
            read = parse_operand(value) if isinstance(value, str) else value
            if isinstance(read, bool) or read in (0, 1):
                return bool(read)
            raise ValueError(f"{text_of(value)[:100]!r} is not true or false")
        case "json" | "object" | "array":
            return _structured(value, kind.lower())
        case _:
            return value


def _structured(value: Json, kind: str) -> Json:
    read = decode_json(value) if isinstance(value, str) else value
    wanted = {"object": dict, "array": list}.get(kind, object)
    if not isinstance(read, wanted):
        raise ValueError(f"{text_of(value)[:100]!r} is not an {kind}")
    return read
