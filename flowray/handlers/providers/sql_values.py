"""Values between JSON and database drivers. Opens no connection."""

from __future__ import annotations

import base64
import datetime
import math
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from flowray.handlers.databases import Dialect
from flowray.values import Json, encode_json

_EXACT_DIGITS = 15
"""Decimal digits that every float keeps."""


def parameter(value: Json, dialect: Dialect) -> Any:
    """A value as a driver takes it: objects as JSON text, lists of single values as arrays where there are any."""
    if isinstance(value, dict):
        return encode_json(value).decode()
    if isinstance(value, list):
        nested = any(isinstance(item, dict | list) for item in value)
        return encode_json(value).decode() if nested or dialect != "postgresql" else value
    return value


def to_json(value: Any) -> Json:
    """A value of a row: times as ISO 8601, bytes as base64, decimals as numbers unless a float would round them."""
    match value:
        case None | str() | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return _number(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case dict():
            return {str(key): to_json(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_json(item) for item in value]
        case uuid.UUID():
            return str(value)
        case _:
            return str(value)


def _number(value: Decimal) -> Json:
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return int(value)
    return float(value) if len(value.normalize().as_tuple().digits) <= _EXACT_DIGITS else str(value)


def distinct(columns: Iterable[str]) -> list[str]:
    """Names of columns, the second ``id`` of a join as ``id_2``: as keys, one would take the other's place."""
    seen: dict[str, int] = {}
    names = []
    for column in columns:
        seen[column] = seen.get(column, 0) + 1
        names.append(column if seen[column] == 1 else f"{column}_{seen[column]}")
    return names


def as_rows(columns: Sequence[str], found: Iterable[Sequence[Any]]) -> list[dict[str, Json]]:
    """Rows by column."""
    return [{column: to_json(value) for column, value in zip(columns, row, strict=True)} for row in found]
