"""How node types read names: config fields by their kind, paths, conditions. A thin layer over the expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flowray.definition.node_type import FieldKind
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.evaluator import evaluate, evaluate_part
from flowray.expressions.names import MISSING, Names
from flowray.expressions.parser import parse_condition, parse_expression
from flowray.expressions.resolution import resolve
from flowray.expressions.stored_lists import whole
from flowray.expressions.syntax import Node
from flowray.expressions.template import FillOptions, TemplateWarning
from flowray.expressions.template import fill as fill_template
from flowray.handlers.handler import NodeInput
from flowray.handlers.scripts import call_javascript, without_templates
from flowray.values import Json

_WHOLE = re.compile(r"\s*(?:\$\{([^{}]+)\}|\{\{(.+?)\}\})\s*", re.DOTALL)
_DOLLAR = re.compile(r"\$\{([^{}]*)\}")


def fill_config(
    config: Mapping[str, Any],
    kinds: Mapping[str, FieldKind],
    names: Names,
    options: FillOptions,
    warnings: list[TemplateWarning],
    *,
    keeps_lists: bool = False,
) -> dict[str, Any]:
    """The config with templates filled and paths read, by the declared kind of each field (R7).

    ``keeps_lists``: what a path names may be a StoredList, which whoever goes through it need not read (R16).
    Expressions and literals stay as written. Raises EXPRESSION_ERROR if a limit of the language is reached.
    """
    filled: dict[str, Any] = {}
    for field, value in config.items():
        pointer = _pointer(field)
        match kinds.get(field, FieldKind.TEMPLATE):
            case FieldKind.TEMPLATE:
                filled[field] = fill_template(value, names, options=options, warnings=warnings, pointer=pointer)
            case FieldKind.PATH:
                found = _read_path(value, names, options, warnings, pointer)
                filled[field] = found if keeps_lists else whole(found)
            case _:
                filled[field] = value
    return filled


@lru_cache(maxsize=1_024)
def _pointer(field: str) -> str:
    """The JSON Pointer of a field (RFC 6901)."""
    return "/" + field.replace("~", "~0").replace("/", "~1")


def _read_path(value: Json, names: Names, options: FillOptions, warnings: list[TemplateWarning], pointer: str) -> Json:
    """The value a path field names. Text that is JSON is that text; anything but text is filled as a template."""
    if not isinstance(value, str):
        return fill_template(value, names, options=options, warnings=warnings, pointer=pointer)
    if value.lstrip()[:1] in ("[", "`"):
        return value
    if _WHOLE.fullmatch(value) is None and ("{{" in value or "${" in value):
        return fill_template(value, names, options=options, warnings=warnings, pointer=pointer)
    found = _part_of(value, names)
    if found is not MISSING:
        return found
    warnings.append(TemplateWarning("unresolved", value, pointer, f"nothing provides {value.strip()!r}"))
    return None


def value_of(path: str, names: Names) -> Any:
    """The value of ``a.b[0]``, ``{{a.b}}`` or ``${a.b}``; MISSING where nothing provides it, or it cannot be read."""
    return whole(_part_of(path, names))


def _part_of(path: str, names: Names) -> Any:
    match = _WHOLE.fullmatch(path)
    text = (match.group(1) or match.group(2)).strip() if match else path.strip()
    try:
        return evaluate_part(parse_expression(text), names)
    except FlowrayError as error:
        if error.code is not ErrorCode.EXPRESSION_ERROR:
            raise
        return resolve(names, text, ())  # a name with blanks in it, perhaps


def fill(value: Json, node: NodeInput) -> Json:
    """A field that a handler fills itself. Unresolved references are logged as warnings."""
    warnings: list[TemplateWarning] = []
    filled = fill_template(value, node.names, options=node.fill_options, warnings=warnings)
    for warning in warnings:
        node.log(warning.message, level="warning", placeholder=warning.placeholder)
    return filled


def condition_tree(expression: str) -> Node | None:
    """A condition of the author's as the expression language reads it; None for what it does not know."""
    try:
        return parse_condition(_DOLLAR.sub(r"{{\1}}", expression).strip())
    except FlowrayError as error:
        if error.code is not ErrorCode.EXPRESSION_ERROR:
            raise
        return None


async def evaluate_condition(expression: str, node: NodeInput) -> Json:
    """The value of a condition of the author's; a missing name is null.

    What the expression language does not know runs as JavaScript in the sandbox. Raises EXPRESSION_ERROR or
    EXPRESSION_TIMEOUT.
    """
    text = _DOLLAR.sub(r"{{\1}}", expression).strip()
    if not text:
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, "the condition is empty")
    tree = condition_tree(expression)
    if tree is None:
        script = without_templates(text)
        return await call_javascript(node, f"return ({script});", {}, script)
    value = evaluate(tree, node.names)
    return None if value is MISSING else value
