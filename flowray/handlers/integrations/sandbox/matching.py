"""Which recorded case answers a call. A case of an error answers only what it was recorded for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.sandbox.fixtures import Case, RecordedOperation
from flowray.values import Json


def chosen(operation: RecordedOperation, parameters: Mapping[str, Json], scenario: str) -> Case | None:
    """The case for these parameters; None if the operation's records are to answer.

    A ``scenario`` is a case's name, and wins. Else the order is: the valid case with exactly this input; the error
    whose whole input is among the parameters, unless a valid case has that very input; the valid case that shares most
    with the parameters and contradicts them least, the first of equals. Raises INVALID_NODE_CONFIG for an unknown
    scenario.
    """
    if scenario:
        return _named(operation, scenario)
    exact = next((case for case in operation.valid_cases if case.input == parameters), None)
    if exact is not None:
        return _answering(exact, operation)
    valid_inputs = [case.input for case in operation.valid_cases]
    for case in operation.error_cases:
        if case.input and case.input not in valid_inputs and _is_part_of(case.input, parameters):
            return case
    best = max(operation.valid_cases, key=lambda case: _likeness(case.input, parameters), default=None)
    return None if best is None else _answering(best, operation)


def _named(operation: RecordedOperation, scenario: str) -> Case | None:
    cases = [*operation.valid_cases, *operation.error_cases]
    for case in cases:
        if case.name == scenario:
            return case if case.expected_error is not None else _answering(case, operation)
    raise FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG,
        f"the sandbox has no scenario {scenario[:200]!r} for {operation.operation_id}",
        details={"scenarios": [case.name for case in cases]},
        hint="scenarios of this operation: " + (", ".join(case.name for case in cases) or "none"),
    )


def _answering(case: Case, operation: RecordedOperation) -> Case | None:
    # Records answer with what the parameters ask for; a recorded list would ignore them.
    return None if operation.filterable_data is not None else case


def _is_part_of(recorded: Mapping[str, Any], parameters: Mapping[str, Json]) -> bool:
    return all(name in parameters and parameters[name] == value for name, value in recorded.items())


def _likeness(recorded: Mapping[str, Any], parameters: Mapping[str, Json]) -> tuple[int, int]:
    """Fields with the same value; then fewer fields that differ or are missing."""
    same = sum(name in parameters and parameters[name] == value for name, value in recorded.items())
    return same, -(len(recorded) - same)
