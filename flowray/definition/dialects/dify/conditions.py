"""The cases of Dify's if-else and loops → conditions in flowray's expressions. Evaluates nothing."""

from __future__ import annotations

import json
from typing import Any

from flowray.definition.dialects.dify.references import References
from flowray.values import Json

_TEXT = {
    "contains": "(({0}) ?? '').includes({1})", "not contains": "!(({0}) ?? '').includes({1})",
    "start with": "(({0}) ?? '' | string).startsWith({1})", "end with": "(({0}) ?? '' | string).endsWith({1})",
    "is": "{0} == {1}", "is not": "{0} != {1}",
    "in": "({1}).includes({0})", "not in": "!({1}).includes({0})",
}  # fmt: skip
_EMPTY = {
    "empty": "({0} == null || {0} == '' || {0}.length == 0)",
    "not empty": "({0} != null && {0} != '' && {0}.length != 0)",
    "null": "{0} == null", "not null": "{0} != null", "exists": "{0} != null", "not exists": "{0} == null",
}  # fmt: skip
_NUMBERS = {"=": "==", "≠": "!=", ">": ">", "<": "<", "≥": ">=", "≤": "<="}


def case_expression(case: dict[str, Any], references: References) -> str:
    """All conditions of a case, joined by its operator. A case without any never holds."""
    joint = " || " if case.get("logical_operator") == "or" else " && "
    parts = [_condition(entry, references) for entry in case.get("conditions") or []]
    return joint.join(f"({part})" for part in parts) if parts else "false"


def _condition(entry: dict[str, Any], references: References) -> str:
    left = references.path(entry.get("variable_selector"))
    operator = str(entry.get("comparison_operator") or "is")
    if operator in _EMPTY:
        return _EMPTY[operator].format(left)
    right = _operand(entry.get("value"), references, number=operator in _NUMBERS)
    if operator in _NUMBERS:
        return f"Number({left}) {_NUMBERS[operator]} {right}"
    return _TEXT.get(operator, "{0} == {1}").format(left, right)


def _operand(value: Json, references: References, *, number: bool) -> str:
    if isinstance(value, str) and value.startswith("{{#") and value.endswith("#}}"):
        return str(references.text(value))[2:-2]
    if number:
        try:
            return repr(float(str(value))) if "." in str(value) else str(int(str(value)))
        except ValueError:
            return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)
