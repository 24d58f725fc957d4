"""Comparisons by operator name, as condition nodes have them: ``left``, ``operator``, ``right``.

Two sets of rules, both FlowMaestro's: ``compare`` is that of its conditional node (loose, case-insensitive),
``evaluate_operator`` that of its loop and engine conditions (JavaScript's). Expressions are the evaluator's business.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flowray.expressions.conversions import (
    json_kind,
    json_text,
    loosely_equal,
    number_text,
    order,
    parse_number,
    strictly_equal,
    to_number,
    to_text,
)
from flowray.expressions.names import Names
from flowray.expressions.template import FillOptions, TemplateWarning, fill
from flowray.values import Json, decode_json

MAX_PATTERN_CHARS = 1_000
MAX_MATCHED_CHARS = 100_000

_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None, "undefined": None}
_KEEP = FillOptions(keep_unresolved=True)

OPERATORS = {
    "==": "==", "equals": "==", "equal": "==", "eq": "==",
    "!=": "!=", "notEquals": "!=", "notEqual": "!=", "ne": "!=",
    "===": "===", "strictEquals": "===",
    "!==": "!==", "strictNotEquals": "!==",
    ">": ">", "greaterThan": ">", "gt": ">",
    ">=": ">=", "greaterThanOrEqual": ">=", "gte": ">=",
    "<": "<", "lessThan": "<", "lt": "<",
    "<=": "<=", "lessThanOrEqual": "<=", "lte": "<=",
    "contains": "contains", "includes": "contains", "notContains": "notContains",
    "startsWith": "startsWith", "endsWith": "endsWith", "matches": "matches",
    "isEmpty": "isEmpty", "isNotEmpty": "isNotEmpty",
    "isNull": "isNull", "isNotNull": "isNotNull",
    "isTrue": "isTrue", "isFalse": "isFalse",
}  # fmt: skip
"""Every spelling of an operator, to the one used here."""


def is_bounded_operator(operator: str) -> bool:
    """False for what runs a user's regular expression, which belongs in a sandbox (R27, R45)."""
    return OPERATORS.get(operator) != "matches"


def parse_operand(text: str) -> Json:
    """The value that one side of a condition stands for: a number, true or false in any case, null or undefined, a
    JSON object or list, else the text itself, blanks included."""
    number = parse_number(text)
    if number is not None:
        return number
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    if word[:1] in ("{", "["):
        try:
            return decode_json(text)
        except ValueError:  # msgspec's DecodeError is one
            return text
    return text


def fill_operand(value: Json, names: Names, unfilled: list[TemplateWarning] | None = None) -> Json:
    """One side of a condition with its templates filled. A side that does not resolve is the empty text.

    ``unfilled`` collects the warnings.
    """
    missing: list[TemplateWarning] = []
    filled = fill(value, names, options=_KEEP, warnings=missing)
    if unfilled is not None:
        unfilled.extend(missing)
    if missing and filled == value:
        return ""
    return parse_operand(filled) if isinstance(filled, str) else filled


def compare(left: Json, operator: str, right: Json) -> bool:
    """The conditional node's comparison. Null equals only null; numbers compare as numbers if either side is one; text
    without regard to case; lists and objects by their JSON. An unknown operator is False."""
    name = OPERATORS.get(operator)
    if name in ("==", "==="):
        return _loosely_same(left, right)
    if name in ("!=", "!=="):
        return not _loosely_same(left, right)
    if name in ("<", "<=", ">", ">="):
        return _holds(name, _collated_order(left, right))
    if name in ("contains", "notContains"):
        return _contains(left, right) == (name == "contains")
    if name in ("startsWith", "endsWith"):
        text, part = _operand_text(left).lower(), _operand_text(right).lower()
        return text.startswith(part) if name == "startsWith" else text.endswith(part)
    return _tests_value(name, left, right)


def evaluate_operator(left: Json, operator: str, right: Json = None) -> bool:
    """The engine's comparison, with JavaScript's equality and case kept. An unknown operator is False."""
    name = OPERATORS.get(operator)
    equality = _EQUALITIES.get(name or "")
    if equality is not None:
        return equality(left, right)
    if name in ("<", "<=", ">", ">="):
        return _holds(name, order(left, right))
    if name in ("contains", "notContains"):
        found = right in left if isinstance(left, list) else to_text(right) in to_text(left)
        return found == (name == "contains")
    if name in ("startsWith", "endsWith"):
        text, part = to_text(left), to_text(right)
        return text.startswith(part) if name == "startsWith" else text.endswith(part)
    return _tests_value(name, left, right)


_EQUALITIES: dict[str, Callable[[Any, Any], bool]] = {
    "==": loosely_equal,
    "!=": lambda left, right: not loosely_equal(left, right),
    "===": strictly_equal,
    "!==": lambda left, right: not strictly_equal(left, right),
}


def _tests_value(name: str | None, left: Json, right: Json) -> bool:
    """Operators that mean the same in both sets of rules."""
    if name in ("isEmpty", "isNotEmpty"):
        empty = left is None or (isinstance(left, str | list | dict) and len(left) == 0)
        return empty == (name == "isEmpty")
    if name in ("isNull", "isNotNull"):
        return (left is None) == (name == "isNull")
    if name in ("isTrue", "isFalse"):
        return left is (name == "isTrue")
    return name == "matches" and _matches(to_text(left), to_text(right))


def _matches(text: str, pattern: str) -> bool:
    if len(pattern) > MAX_PATTERN_CHARS or len(text) > MAX_MATCHED_CHARS:
        return False
    compiled = _compiled(pattern)
    return compiled is not None and compiled.search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The regular expression, or None if it is none."""
    try:
        with warnings.catch_warnings():
            # Python announces that sets may nest one day; in a pattern written for JavaScript they never do.
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def _holds(operator: str, sign: int | None) -> bool:
    return sign in {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}[operator]


def _operand_text(value: Json) -> str:
    """Text as the conditional node compares it: a number without trailing zeros, objects and lists as JSON."""
    if isinstance(value, list | dict):
        return json_text(value)
    return number_text(value) if isinstance(value, float) else to_text(value)


def _loosely_same(left: Json, right: Json) -> bool:
    if left is None or right is None:
        return left is None and right is None
    if "number" in (json_kind(left), json_kind(right)):
        a, b = to_number(left), to_number(right)
        if a is not None and b is not None:
            return a == b
    return _operand_text(left).lower() == _operand_text(right).lower()


def _collated_order(left: Json, right: Json) -> int | None:
    """Numeric if both sides are numbers, else by text in dictionary order; null is neither above nor below."""
    if left is None or right is None:
        return None
    sign = order(left, right)
    if sign is not None and to_number(left) is not None:
        return sign
    a, b = _operand_text(left), _operand_text(right)
    x, y = (a.casefold(), a.swapcase()), (b.casefold(), b.swapcase())
    return (x > y) - (x < y)


def _contains(left: Json, right: Json) -> bool:
    if isinstance(left, list):
        return any(_loosely_same(item, right) for item in left)
    return _operand_text(right).lower() in _operand_text(left).lower()
