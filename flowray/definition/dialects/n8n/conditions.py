"""The conditions of n8n's IF, Switch and Filter → flowray's conditions. Evaluates nothing."""

from __future__ import annotations

import json
from typing import Any

from flowray.definition.dialects.n8n.document import N8nNode, as_object, rows
from flowray.definition.dialects.n8n.expressions import Texts
from flowray.values import Json

Config = dict[str, Any]

_NAMES = {
    "equal": "equals", "notEqual": "notEquals", "larger": "gt", "smaller": "lt", "largerEqual": "gte",
    "smallerEqual": "lte", "isEmpty": "empty", "isNotEmpty": "notEmpty", "dateTimeAfter": "after",
    "dateTimeBefore": "before",
}  # fmt: skip
"""Spellings of the first versions."""

_FORMS = {
    "equals": "{0} == {1}", "notEquals": "{0} != {1}", "gt": "{0} > {1}", "lt": "{0} < {1}", "gte": "{0} >= {1}",
    "lte": "{0} <= {1}", "contains": "(({0}) ?? '').includes({1})", "notContains": "!(({0}) ?? '').includes({1})",
    "startsWith": "(({0}) ?? '').startsWith({1})", "endsWith": "(({0}) ?? '').endsWith({1})",
    "notStartsWith": "!(({0}) ?? '').startsWith({1})", "notEndsWith": "!(({0}) ?? '').endsWith({1})",
    "exists": "({0}) != null", "notExists": "({0}) == null", "true": "({0}) == true", "false": "({0}) == false",
    "empty": "(({0}) == null || ({0}) == '' || ({0}).length == 0)",
    "notEmpty": "(({0}) != null && ({0}) != '' && ({0}).length != 0)",
    "lengthGt": "({0}).length > {1}", "lengthLt": "({0}).length < {1}", "lengthEquals": "({0}).length == {1}",
    "lengthGte": "({0}).length >= {1}", "lengthLte": "({0}).length <= {1}", "lengthNotEquals": "({0}).length != {1}",
}  # fmt: skip
_ONE_SIDED = frozenset({"exists", "notExists", "true", "false", "empty", "notEmpty"})
_SCRIPTS = {
    "regex": "new RegExp({1}).test(String({0} ?? ''))", "notRegex": "!new RegExp({1}).test(String({0} ?? ''))",
    "after": "Date.parse({0}) > Date.parse({1})", "before": "Date.parse({0}) < Date.parse({1})",
    "afterOrEquals": "Date.parse({0}) >= Date.parse({1})", "beforeOrEquals": "Date.parse({0}) <= Date.parse({1})",
}  # fmt: skip


def conditions_of(params: Config, texts: Texts) -> str:
    """The expression of an IF or a Filter in any version."""
    written = as_object(params.get("conditions"))
    if "conditions" in written:
        return joined(written, texts)
    parts = []
    for kind, entries in written.items():
        for entry in entries if isinstance(entries, list) else []:
            default = "true" if kind == "boolean" and "operation" not in entry else "equal"
            operation = str(entry.get("operation") or default)
            if kind == "boolean" and operation in ("true", "equal"):
                parts.append(compare(texts, "equals", entry.get("value1"), entry.get("value2", False), kind))
            else:
                parts.append(compare(texts, operation, entry.get("value1"), entry.get("value2", ""), kind))
    joint = " || " if params.get("combineOperation") == "any" or params.get("combineConditions") == "OR" else " && "
    return joint.join(f"({part})" for part in parts) or "true"


def joined(group: Config, texts: Texts) -> str:
    """The expression of one group of conditions (version 2 of the nodes)."""
    sensitive = as_object(group.get("options")).get("caseSensitive", True)
    parts = []
    for entry in rows(group, "conditions"):
        operator = as_object(entry.get("operator"))
        operation = str(operator.get("operation") or "equals")
        kind = str(operator.get("type") or "string")
        text_kind = kind == "string" and not sensitive
        parts.append(compare(texts, operation, entry.get("leftValue"), entry.get("rightValue"), kind, fold=text_kind))
    joint = " || " if group.get("combinator") == "or" else " && "
    return joint.join(f"({part})" for part in parts) or "true"


def compare(texts: Texts, operation: str, left: Json, right: Json, kind: str, *, fold: bool = False) -> str:
    """One comparison."""
    name = _NAMES.get(operation, operation)
    one, other = texts.operand(left), texts.operand(_typed(right, kind))
    if name in _SCRIPTS:
        return texts.script(_SCRIPTS[name], left, right)
    if name not in _FORMS:
        texts.node.unsupported("conditions", f"The comparison {operation!r} is not known here; it never holds.")
        return "false"
    if fold and name not in _ONE_SIDED:
        one, other = (f"(({side}) ?? '').toLowerCase()" for side in (one, other))
    if name not in _ONE_SIDED and "??" in one and name in ("equals", "notEquals", "gt", "lt", "gte", "lte"):
        one = f"({one})"
    return _FORMS[name].format(one, f"({other})" if "??" in other else other)


def switch_rules(node: N8nNode, texts: Texts) -> tuple[list[Config], dict[int, str], str | None]:
    """The rules, the handle of each output, and the handle where no rule holds."""
    params = node.params
    fallback = str(params.get("fallbackOutput", node.options.get("fallbackOutput", "none")))
    if params.get("mode") == "expression":
        count = int(params.get("numberOutputs") or params.get("outputsAmount") or 4)
        chosen = texts.operand(params.get("output"))
        tests = [{"name": f"output{index}", "expression": f"({chosen}) == {index}"} for index in range(count)]
        return tests, {index: f"output{index}" for index in range(count)}, None
    groups = rows(params.get("rules"), "values") or rows(params.get("rules"), "rules")
    rules: list[Config] = []
    handles: dict[int, str] = {}
    for index, group in enumerate(groups):
        if "conditions" in group:
            output, expression = index, joined(as_object(group["conditions"]), texts)
        else:
            output = int(group.get("output", 0))
            operation = str(group.get("operation") or "equal")
            expression = compare(texts, operation, params.get("value1"), group.get("value2", ""), _kind(params))
        label = str(group.get("outputKey") or "") if group.get("renameOutput", True) else ""
        name = label if label and label not in handles.values() and not label.startswith("=") else f"output{index}"
        name = handles.setdefault(output, name)
        rules.append({"name": name, "expression": expression})
    if fallback == "extra":
        handles[len(groups)] = "fallback"
        return rules, handles, "fallback"
    return rules, handles, handles.setdefault(int(fallback), "fallback") if fallback.isdigit() else None


def _kind(params: Config) -> str:
    return str(params.get("dataType") or "number")


def _typed(value: Json, kind: str) -> Json:
    """A literal that was typed into a field of text as the operator reads it."""
    if not isinstance(value, str) or value.startswith("="):
        return value
    if kind == "number":
        try:
            parsed: Json = json.loads(value)
        except ValueError:
            return value
        return parsed if isinstance(parsed, int | float) else value
    return value == "true" if kind == "boolean" and value in ("true", "false") else value
