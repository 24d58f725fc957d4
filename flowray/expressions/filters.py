"""The filters of ``{{ value | name: argument }}``, by name. Pure functions on JSON values, like the methods."""

from __future__ import annotations

from typing import Any

from flowray.expressions.conversions import json_text, to_number, to_text
from flowray.expressions.functions import Function, join, replace_all, round_half_up
from flowray.expressions.limits import within_text_limit


def _truncate(value: Any, length: Any, ending: Any = "...") -> str:
    """At most ``length`` characters; what is cut off is replaced by ``ending``, which counts."""
    text, most, mark = to_text(value), int(to_number(length) or 0), to_text(ending)
    if len(text) <= most:
        return text
    return text[: max(most - len(mark), 0)] + mark[: max(most, 0)]


def _default(value: Any, fallback: Any) -> Any:
    return fallback if value is None or value == "" else value


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else 0


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list | str) and value else None


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, list | str) and value else None


def _capitalize(value: Any) -> str:
    text = to_text(value)
    return text[:1].upper() + text[1:]


def _json(value: Any) -> str:
    text = json_text(value)
    within_text_limit(len(text))
    return text


FILTERS: dict[str, Function] = {
    "truncate": Function(_truncate, 1, 2),
    "default": Function(_default, 1, 1),
    "upper": Function(lambda value: to_text(value).upper()),
    "lower": Function(lambda value: to_text(value).lower()),
    "trim": Function(lambda value: to_text(value).strip()),
    "capitalize": Function(_capitalize),
    "replace": Function(lambda value, old, new: replace_all(to_text(value), old, new), 2, 2),
    "json": Function(_json),
    "length": Function(_length),
    "first": Function(_first),
    "last": Function(_last),
    "join": Function(join, 0, 1),
    "round": Function(round_half_up, 0, 1),
    "string": Function(to_text),
    "number": Function(to_number),
}
"""Filters by name. The first argument of ``apply`` is the filtered value. All but ``default`` pass null through."""
