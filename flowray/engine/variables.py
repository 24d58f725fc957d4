"""Operations on workflow variables, which concurrent branches cannot lose (R17). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowray.engine.signals import VariableOperation
from flowray.values import Json


def apply_operation(variables: dict[str, Any], operation: VariableOperation) -> None:
    """Change ``variables`` in place. ``append`` and ``merge`` build a new value, so that earlier readers keep theirs.

    An operation that does not fit the present value replaces it (``append`` to a scalar makes a list of both): the
    handler has validated what it can; losing the operation would be worse.
    """
    present = variables.get(operation.name)
    variables[operation.name] = _COMBINE[operation.op](present, operation.value)


def _append(present: Json, value: Json) -> Json:
    if present is None:
        return [value]
    if isinstance(present, str) and isinstance(value, str):
        return present + value
    return [*(present if isinstance(present, list) else [present]), value]


def _increment(present: Json, value: Json) -> Json:
    step = 1 if value is None else value
    if not isinstance(step, int | float):
        return value
    return (present if isinstance(present, int | float) else 0) + step


def _merge(present: Json, value: Json) -> Json:
    if isinstance(present, dict) and isinstance(value, dict):
        return {**present, **value}
    return value


_COMBINE: dict[str, Callable[[Json, Json], Json]] = {
    "set": lambda present, value: value,
    "append": _append,
    "increment": _increment,
    "merge": _merge,
}

OPERATIONS = frozenset(_COMBINE)
"""The names an operation may have; a result with any other fails its node."""
