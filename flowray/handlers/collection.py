"""What a loop or parallel node repeats over: a list, or a number. Shared by both; knows no iteration."""

from __future__ import annotations

import re
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.stored_lists import StoredList, whole
from flowray.handlers.handler import NodeInput
from flowray.handlers.node_config import number_of
from flowray.values import Json, decode_json

_FENCE = re.compile(r"\A\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


def as_items(value: Json, source: str, dialect: str = "flowray") -> list[Json] | StoredList:
    """``value`` as a list: a list as it is, in chunks or not, an object as its pairs, text parsed as JSON with code
    fences allowed (R12).

    A pair is ``{"key": …, "value": …}``, in SIM's dialect ``[key, value]``. ``source`` is the reference as written, for
    messages. Raises COLLECTION_INVALID for anything else.
    """
    if isinstance(value, StoredList):
        return value
    if isinstance(value, str):
        fenced = _FENCE.match(value)
        try:
            value = decode_json((fenced.group(1) if fenced else value).strip())
        except ValueError as error:
            raise _invalid(source, f"text that is not JSON: {value[:80]!r}") from error
    if isinstance(value, dict):
        as_lists = dialect == "sim"
        return [[key, item] if as_lists else {"key": key, "value": item} for key, item in value.items()]
    if not isinstance(value, list):
        raise _invalid(source, _kind(value))
    return value


def results_so_far(node: NodeInput) -> list[Json]:
    """What the scopes of the container ``node`` have returned, as its END reads it."""
    results = whole(node.names.containers.get(node.node_id, {}).get("results"))
    return results if isinstance(results, list) else []


def as_count(value: Json, source: str) -> int:
    """``value`` as a number of rounds, cut to a whole one. Raises COLLECTION_INVALID if it is negative or no number."""
    number = number_of(value)
    if number is None or number < 0 or number != number or number in (float("inf"),):
        raise FlowrayError(
            ErrorCode.COLLECTION_INVALID, f"Invalid count: {source} is {_kind(value) if number is None else number}"
        )
    return int(number)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}
    return kinds.get(type(value), type(value).__name__)


def _invalid(source: str, got: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.COLLECTION_INVALID,
        f"{source!r} did not resolve to an array. Got: {got}",
        details={"source": source, "got": got},
        hint="the collection must be a list or an object, or text that is one as JSON",
    )
