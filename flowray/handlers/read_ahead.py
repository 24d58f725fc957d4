"""Reads what a handler will read of lists in chunks, before it is called: handlers do not wait for values (R16).

An evaluation here is for what it touches only; its value, and its failure, belong to the handler.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flowray.definition.node_type import FieldKind
from flowray.errors import FlowrayError
from flowray.expressions.evaluator import evaluate
from flowray.expressions.names import Names
from flowray.expressions.template import FillOptions
from flowray.expressions.template import fill as fill_template
from flowray.handlers.references import condition_tree
from flowray.handlers.scripts import jsonata_context, script_context, without_templates
from flowray.values import Json

_FILLED = (FieldKind.TEMPLATE, FieldKind.PATH)
_SENTINEL_READS = {"open": (), "condition": (FieldKind.EXPRESSION,), "close": (FieldKind.JSONATA,)}
"""What the handler of a container evaluates for each question."""


def touch(
    config: Mapping[str, Any], kinds: Mapping[str, FieldKind], names: Names, options: FillOptions, sentinel: str
) -> None:
    """Evaluate what the handler is to evaluate. Raises NotLoadedError for what is not in memory."""
    if not names.partly_loaded:
        return
    for field, value in config.items():
        kind = kinds.get(field, FieldKind.TEMPLATE)
        if kind not in _FILLED and (not sentinel or kind in _SENTINEL_READS[sentinel]):
            for text in _texts(value):
                _touch(text, kind, names, options)


def _touch(text: str, kind: FieldKind, names: Names, options: FillOptions) -> None:
    try:
        match kind:
            case FieldKind.JSONATA:
                jsonata_context(text, names)
            case FieldKind.SCRIPT:
                script_context(text, names)
            case FieldKind.EXPRESSION if (tree := condition_tree(text)) is not None:
                evaluate(tree, names)
            case FieldKind.EXPRESSION:
                script_context(without_templates(text), names)
            case _:
                fill_template(text, names, options=options, warnings=[])
    except FlowrayError:
        return  # The handler meets it again, if it comes to that.


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
