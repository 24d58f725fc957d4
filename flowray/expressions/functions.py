"""The methods and functions that expressions may call: pure functions on JSON values, by name, with their arity.

A method that does not fit its value returns None, as navigation through null would. Nothing here reaches a Python
attribute, a clock or the outside. What takes a lambda is carried out by the evaluator, since a lambda is a tree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowray.expressions.conversions import (
    json_kind,
    json_text,
    number_text,
    strictly_equal,
    tidy,
    to_number,
    to_text,
    truthy,
)
from flowray.expressions.limits import within_list_limit, within_text_limit
from flowray.values import Json, decode_json


@dataclass(frozen=True, slots=True)
class Function:
    """A function and how many arguments it takes (for a method: besides its value)."""

    apply: Callable[..., Any]
    fewest: int = 0
    most: int = 0


def _on_text(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(value: Any, *arguments: Any) -> Any:
        return function(value, *arguments) if isinstance(value, str) else None

    return apply


def _whole(value: Any, default: int) -> int:
    number = to_number(value)
    if number is None:
        return default
    return int(max(-(2.0**53), min(2.0**53, number)))


def _slice(value: Any, start: Any = 0, end: Any = None) -> Any:
    if not isinstance(value, str | list):
        return None
    return value[_whole(start, 0) : len(value) if end is None else _whole(end, 0)]


def _substring(value: str, start: Any = 0, end: Any = None) -> str:
    a, b = max(_whole(start, 0), 0), len(value) if end is None else max(_whole(end, 0), 0)
    return value[min(a, b) : max(a, b)]


def _at(value: Any, index: Any) -> Any:
    position = _whole(index, 0)
    return value[position] if isinstance(value, str | list) and -len(value) <= position < len(value) else None


def _includes(value: Any, wanted: Any) -> Any:
    if isinstance(value, str):
        return to_text(wanted) in value
    return any(strictly_equal(item, wanted) for item in value) if isinstance(value, list) else None


def _index_of(value: Any, wanted: Any) -> Any:
    if isinstance(value, str):
        return value.find(to_text(wanted))
    if not isinstance(value, list):
        return None
    return next((index for index, item in enumerate(value) if strictly_equal(item, wanted)), -1)


def join(value: Any, separator: Any = ",") -> Any:
    """The texts of a list, nulls empty, with ``separator`` between them. None for anything but a list."""
    if not isinstance(value, list):
        return None
    texts = ["" if item is None else to_text(item) for item in value]
    glue = to_text(separator)
    within_text_limit(sum(map(len, texts)) + len(glue) * len(texts))
    return glue.join(texts)


def _split(value: str, separator: Any = None, limit: Any = None) -> list[str]:
    if separator is None:
        return [value]
    mark = to_text(separator)
    within_list_limit(value.count(mark) if mark else len(value))
    parts = value.split(mark) if mark else list(value)
    return parts if limit is None else parts[: max(_whole(limit, 0), 0)]


def replace_all(value: str, old: Any, new: Any) -> str:
    """Every occurrence of the text ``old`` replaced."""
    before, after = to_text(old), to_text(new)
    within_text_limit(len(value) + value.count(before) * len(after))
    return value.replace(before, after)


def _pad(value: Any, length: Any, filler: Any, *, left: bool) -> Any:
    text, fill = to_text(value), to_text(filler)
    missing = _whole(length, 0) - len(text)
    if missing <= 0 or not fill:
        return text
    within_text_limit(len(text) + missing)
    padding = (fill * (missing // len(fill) + 1))[:missing]
    return padding + text if left else text + padding


def to_fixed(value: Any, digits: Any = 0) -> Any:
    """A number as text with so many decimals (at most 100)."""
    number = to_number(value)
    if number is None or isinstance(value, str):
        return None
    return f"{float(number):.{min(max(_whole(digits, 0), 0), 100)}f}" if abs(number) < 1e21 else number_text(number)


def _keys(value: Any) -> Any:
    if isinstance(value, list):
        return [str(index) for index in range(len(value))]
    return list(value) if isinstance(value, dict) else None


def _values(value: Any) -> Any:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None


def _entries(value: Any) -> Any:
    return [[key, item] for key, item in value.items()] if isinstance(value, dict) else None


def sort_plainly(value: Any) -> Any:
    """A sorted copy of a list: by number if all are numbers, else by text. None for anything but a list."""
    if not isinstance(value, list):
        return None
    if all(json_kind(item) == "number" for item in value):
        return sorted(value)
    return sorted(value, key=to_text)


def _parse_json(text: Any) -> Json:
    try:
        return decode_json(to_text(text))
    except ValueError:  # msgspec's DecodeError is one
        return None


def _stringify(value: Any, _replacer: Any = None, indent: Any = None) -> str:
    text = json_text(value)
    if indent is not None and isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, indent=min(max(_whole(indent, 0), 0), 10))
    within_text_limit(len(text))
    return text


def round_half_up(value: Any, digits: Any = 0) -> Any:
    """Rounded as JavaScript does, halves upward, to so many decimals."""
    number = to_number(value)
    if number is None or abs(number) > 2**53:
        return number
    scale = 10.0 ** min(max(_whole(digits, 0), 0), 15)
    return tidy(math.floor(number * scale + 0.5) / scale)


def _of_number(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        number = to_number(value)
        return None if number is None else tidy(function(number))

    return apply


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*values: Any) -> Any:
        numbers = [to_number(value) for value in values]
        return None if None in numbers or not numbers else function(numbers)

    return apply


def _parse_int(value: Any, _radix: Any = 10) -> Any:
    number = _parse_float(value)
    return None if number is None else int(number)


def _parse_float(value: Any) -> Any:
    text = to_text(value).strip()[:40]
    for length in range(len(text), 0, -1):
        if (number := to_number(text[:length])) is not None:
            return number
    return None


METHODS: dict[str, Function] = {
    "trim": Function(_on_text(str.strip)),
    "trimStart": Function(_on_text(str.lstrip)),
    "trimEnd": Function(_on_text(str.rstrip)),
    "toLowerCase": Function(_on_text(str.lower)),
    "toUpperCase": Function(_on_text(str.upper)),
    "startsWith": Function(_on_text(lambda value, start: value.startswith(to_text(start))), 1, 1),
    "endsWith": Function(_on_text(lambda value, end: value.endswith(to_text(end))), 1, 1),
    "includes": Function(_includes, 1, 1),
    "indexOf": Function(_index_of, 1, 1),
    "slice": Function(_slice, 0, 2),
    "substring": Function(_on_text(_substring), 0, 2),
    "charAt": Function(_on_text(lambda value, index: _at(value, max(_whole(index, 0), 0)) or ""), 1, 1),
    "at": Function(_at, 1, 1),
    "split": Function(_on_text(_split), 0, 2),
    "join": Function(join, 0, 1),
    "replace": Function(_on_text(lambda value, old, new: value.replace(to_text(old), to_text(new), 1)), 2, 2),
    "replaceAll": Function(_on_text(replace_all), 2, 2),
    "padStart": Function(lambda value, length, filler=" ": _pad(value, length, filler, left=True), 1, 2),
    "padEnd": Function(lambda value, length, filler=" ": _pad(value, length, filler, left=False), 1, 2),
    "reverse": Function(lambda value: value[::-1] if isinstance(value, list) else None),
    "toFixed": Function(to_fixed, 0, 1),
    "toString": Function(to_text),
    "hasOwnProperty": Function(lambda value, key: isinstance(value, dict) and to_text(key) in value, 1, 1),
}
"""Methods by name. The first argument of ``apply`` is the value they are called on."""

LAMBDA_METHODS = frozenset({"map", "filter", "find", "findIndex", "some", "every", "reduce", "sort"})
"""Methods of lists that take a lambda. ``sort`` works without."""

BOOLEAN_METHODS = frozenset({"startsWith", "endsWith", "includes", "some", "every", "hasOwnProperty"})
"""Methods whose result is a condition."""

FUNCTIONS: dict[str, Function] = {
    "Object.keys": Function(_keys, 1, 1),
    "Object.values": Function(_values, 1, 1),
    "Object.entries": Function(_entries, 1, 1),
    "JSON.stringify": Function(_stringify, 1, 3),
    "JSON.parse": Function(_parse_json, 1, 1),
    "Math.round": Function(round_half_up, 1, 1),
    "Math.floor": Function(_of_number(math.floor), 1, 1),
    "Math.ceil": Function(_of_number(math.ceil), 1, 1),
    "Math.abs": Function(_of_number(abs), 1, 1),
    "Math.min": Function(_extreme(min), 1, 100),
    "Math.max": Function(_extreme(max), 1, 100),
    "Number": Function(to_number, 1, 1),
    "String": Function(to_text, 1, 1),
    "Boolean": Function(truthy, 1, 1),
    "parseInt": Function(_parse_int, 1, 2),
    "parseFloat": Function(_parse_float, 1, 1),
    "isNaN": Function(lambda value: to_number(value) is None, 1, 1),
    "Array.isArray": Function(lambda value: isinstance(value, list), 1, 1),
}
"""Functions by their whole dotted name."""

BOOLEAN_FUNCTIONS = frozenset({"Boolean", "isNaN", "Array.isArray"})
"""Functions whose result is a condition."""
