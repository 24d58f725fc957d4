"""How JSON values convert to text, numbers and truth, and how they compare. JavaScript's habits where they are sane.

Works on values only; knows neither names nor trees.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flowray.expressions.limits import expression_error, within_text_limit
from flowray.expressions.names import MISSING
from flowray.values import Json, encode_json

EXACT = 2**53
"""Whole numbers up to here are exact in JavaScript. Beyond, arithmetic yields floats, which bounds their size."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_MAX_NUMBER_CHARS = 400  # the longest decimal text of a finite double, with room


def number_text(value: int | float) -> str:
    """The text JavaScript would show: ``3`` for 3.0, ``1e-7``, ``1e+21``; whole numbers stay exact."""
    if isinstance(value, int):
        # Python refuses to write integers of more than 4,300 digits; no such number is meant as a number.
        return str(value) if value.bit_length() <= 8_192 else "Infinity" if value > 0 else "-Infinity"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if 1e-6 <= abs(value) < 1e-4:
        return format(Decimal(repr(value)), "f")
    return re.sub(r"e([+-])0+", r"e\1", repr(value))


def json_text(value: Json) -> str:
    """Compact JSON. Raises EXPRESSION_ERROR for nesting too deep to write."""
    try:
        return encode_json(value).decode()
    except (TypeError, OverflowError, ValueError):
        # Integers above 64 bits, lone surrogates, lazy mappings: rare enough to take the slow way.
        return _slow_json_text(value)
    except RecursionError:
        raise expression_error("the value is nested too deeply to be written as JSON") from None


def _slow_json_text(value: Json) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    except (ValueError, RecursionError) as error:
        raise expression_error(f"the value cannot be written as JSON: {error}") from None


def _plain(value: Any) -> Json:
    return dict(value) if isinstance(value, Mapping) else str(value)


def to_text(value: Any) -> str:
    """Text as it stands inside a template: null, true, false; objects and lists as JSON; strings as they are."""
    if isinstance(value, str):
        return value
    if value is None or value is MISSING:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    text = json_text(value)
    within_text_limit(len(text))
    return text


def parse_number(text: str) -> int | float | None:
    """The number that ``text`` is, surrounding blanks aside; None for anything else, the empty text included."""
    stripped = text.strip()
    if not stripped or len(stripped) > _MAX_NUMBER_CHARS or _NUMBER.fullmatch(stripped) is None:
        return None
    if stripped.lstrip("+-").isdigit():
        return int(stripped)
    value = float(stripped)
    return tidy(value) if math.isfinite(value) else None


def to_number(value: Any) -> int | float | None:
    """A number, a boolean or numeric text as a number; None for all else (JavaScript would say NaN)."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return parse_number(value) if isinstance(value, str) else None


def tidy(value: int | float) -> int | float | None:
    """The result of arithmetic as JSON: whole floats become integers, huge integers floats, non-numbers null."""
    if isinstance(value, int):
        if -EXACT <= value <= EXACT:
            return value
        try:
            return float(value)
        except OverflowError:
            return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) <= EXACT else value


def truthy(value: Any) -> bool:
    """JavaScript's truth: null, missing, false, 0, NaN and "" are false; empty lists and objects are true."""
    if isinstance(value, list | dict):
        return True
    return value is not MISSING and bool(value) and value == value


def loosely_equal(left: Any, right: Any) -> bool:
    """``==``: null equals only null and missing; numbers, booleans and numeric text compare as numbers; lists and
    objects by content."""
    if left is MISSING or left is None or right is MISSING or right is None:
        return left in (None, MISSING) and right in (None, MISSING)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    scalars = bool | int | float | str
    if isinstance(left, scalars) and isinstance(right, scalars):
        a, b = to_number(left), to_number(right)
        return a is not None and a == b
    return type(left) is type(right) and bool(left == right)


def strictly_equal(left: Any, right: Any) -> bool:
    """``===``: the same kind of value and equal; 1 and 1.0 are the same kind, 1 and true are not."""
    return json_kind(left) == json_kind(right) and loosely_equal(left, right)


def json_kind(value: Any) -> str:
    """null, boolean, number, string, array or object."""
    if value is None or value is MISSING:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1 as ``left`` is below, equal to or above ``right``; None if they do not compare (then ``<`` and ``>``
    are both false). Numeric if both are or read as numbers, else text against text; null compares with nothing."""
    a, b = to_number(left), to_number(right)
    if a is not None and b is not None:
        return (a > b) - (a < b)
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    return None


def arithmetic(operator: str, left: Any, right: Any) -> Json:
    """``+ - * / %``. ``+`` joins text if either side is text; anything that is no number makes the result null, and so
    does dividing by zero."""
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        a, b = to_text(left), to_text(right)
        within_text_limit(len(a) + len(b))
        return a + b
    x, y = to_number(left), to_number(right)
    if x is None or y is None:
        return None
    try:
        return tidy(_calculate(operator, x, y))
    except (ZeroDivisionError, OverflowError, ValueError):
        return None


def _calculate(operator: str, x: int | float, y: int | float) -> int | float:
    if operator == "+":
        return x + y
    if operator == "-":
        return x - y
    if operator == "*":
        return x * y
    return x / y if operator == "/" else math.fmod(x, y)
