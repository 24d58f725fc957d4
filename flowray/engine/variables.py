"""Operations on workflow variables, which concurrent branches cannot lose (R17). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowray.definition.variable_types import fits, type_name
from flowray.engine.signals import VariableOperation
from flowray.values import Json


def apply_operation(variables: dict[str, Any], operation: VariableOperation) -> None:
    """Change ``variables`` in place. ``append`` and ``merge`` build a new value, so that earlier readers keep theirs.

    An operation that does not fit the present value replaces it (``append`` to a scalar makes a list of both). The
    engine lets none through that does (``misfit``); only two branches that each were right can still disagree.
    """
    variables[operation.name] = combined(variables.get(operation.name), operation)


def combined(present: Json, operation: VariableOperation) -> Json:
    """The value that an operation makes of the present one."""
    return _COMBINE[operation.op](present, operation.value)


def misfit(present: Json, operation: VariableOperation, declared: str | None = None) -> str | None:
    """Why an operation cannot be applied to the present value, or what would break the declared type; None if it can.

    ``append`` makes a list of anything, unless the type forbids it.
    """
    if operation.op == "increment":
        step = 1 if operation.value is None else operation.value
        if not (_is_number(step) and (present is None or _is_number(present))):
            return f"increment needs numbers, not {type_name(present)} and {type_name(step)}"
    if operation.op == "merge" and not (isinstance(operation.value, dict) and isinstance(present, dict | None)):
        return f"merge needs objects, not {type_name(present)} and {type_name(operation.value)}"
    if declared is not None:
        value = combined(present, operation)
        if not fits(value, declared):
            return f"it is declared {declared} and would become {type_name(value)}"
    return None


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
