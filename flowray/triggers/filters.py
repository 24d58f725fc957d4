"""Conditions on events: a bounded expression that holds or not (R45). Knows nothing of triggers."""

from __future__ import annotations

from typing import Any

from flowray.errors import FlowrayError
from flowray.expressions.conversions import truthy
from flowray.expressions.evaluator import evaluate
from flowray.expressions.names import MISSING, Names
from flowray.expressions.parser import parse_condition
from flowray.expressions.references import is_bounded


def check_filter(text: str) -> str:
    """``text``, without braces around it. Raises ValueError for what is no condition, or could run without bound."""
    inner = _bare(text)
    if not inner:
        raise ValueError("the filter is empty")
    try:
        parse_condition(inner)
    except FlowrayError as error:
        raise ValueError(f"the filter is not a condition: {error.message}") from None
    if not is_bounded(inner):
        raise ValueError("the filter may use paths, comparisons and operators only")
    return inner


def holds(text: str | None, event: dict[str, Any]) -> bool:
    """Whether a checked filter holds of an event; a name that the event does not have is null. No filter always holds.

    Raises FlowrayError EXPRESSION_ERROR if a limit of the language is reached.
    """
    if text is None:
        return True
    value = evaluate(parse_condition(text), Names(inputs=event))
    return value is not MISSING and truthy(value)


def _bare(text: str) -> str:
    stripped = text.strip()
    whole = stripped.startswith("{{") and stripped.endswith("}}") and stripped.count("{{") == 1
    return stripped[2:-2].strip() if whole else stripped
