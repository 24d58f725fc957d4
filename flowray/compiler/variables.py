"""The declared types of workflow variables, and whether their start values fit. Checks no execution's values."""

from __future__ import annotations

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, Severity, pointer
from flowray.definition.variable_types import UNCHECKED, checked_type, fits, type_name
from flowray.definition.workflow import WorkflowDefinition


def variable_types(definition: WorkflowDefinition, diagnostics: Diagnostics) -> dict[str, str]:
    """The types by variable name that every change is checked against; a start value that does not fit is reported.

    SIM's editor keeps an empty text in a variable without a value, so there it is a warning and the type unchecked.
    """
    found: dict[str, str] = {}
    lenient = definition.dialect == "sim"
    for name, variable in definition.variables.items():
        kind = checked_type(variable.type)
        if kind is None:
            if (variable.type or "").lower() not in UNCHECKED:
                diagnostics.warning(
                    DiagnosticCode.INVALID_FIELD,
                    f"Variable {name!r} has the unknown type {variable.type!r}; its values are not checked.",
                    pointer=pointer("variables", name, "type"),
                    hint="Known are string, number, integer, boolean, object and array.",
                )
            continue
        if fits(variable.default, kind):
            found[name] = kind
            continue
        diagnostics.add(
            Severity.WARNING if lenient else Severity.ERROR,
            DiagnosticCode.INVALID_FIELD,
            f"Variable {name!r} is declared {kind} and starts with {type_name(variable.default)}.",
            pointer=pointer("variables", name, "default"),
            hint="Give it a default of its type, or null.",
        )
    return found
