"""Declared variables: their types reach the plan, and start values that do not fit are findings."""

from __future__ import annotations

from typing import Any

from flowray.compiler.variables import variable_types
from flowray.definition.diagnostics import Diagnostics
from flowray.definition.loading import load_definition
from tests.runtime.workflows import compiled, definition

NODES = {"in": {"type": "input"}}


def findings(variables: dict[str, Any], dialect: str = "flowray") -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """``(types, [(severity, pointer, message)])``."""
    loaded = load_definition(definition(NODES, variables=variables, dialect=dialect)).require()
    found = Diagnostics()
    types = variable_types(loaded, found)
    return types, [(item.severity.value, item.pointer, item.message) for item in found]


def test_types_and_start_values_are_in_the_plan() -> None:
    variables = {"n": {"type": "number", "default": 1}, "t": {"type": "text"}, "any": {"default": []}}
    plan = compiled(NODES, variables=variables)
    assert (plan.variables, plan.variable_types) == ({"n": 1, "t": None, "any": []}, {"n": "number", "t": "string"})


def test_a_start_value_that_does_not_fit_is_an_error() -> None:
    assert findings({"n": {"type": "number", "default": "1"}}) == (
        {},
        [("error", "/variables/n/default", "Variable 'n' is declared number and starts with string.")],
    )


def test_sims_empty_texts_are_only_a_warning() -> None:
    types, found = findings({"n": {"type": "number", "default": ""}}, "sim")
    assert (types, found[0][0]) == ({}, "warning")


def test_an_unknown_type_is_a_warning() -> None:
    types, found = findings({"n": {"type": "date", "default": "1"}, "j": {"type": "json"}})
    assert types == {}
    assert found == [
        ("warning", "/variables/n/type", "Variable 'n' has the unknown type 'date'; its values are not checked.")
    ]


def test_how_long_executions_are_kept_is_in_the_plan() -> None:
    settings = compiled(NODES, settings={"retention": {"completedMs": 5, "failedMs": "forever"}}).settings
    assert (settings.retain_completed_ms, settings.retain_failed_ms) == (5, -1)
    assert compiled(NODES).settings.retain_completed_ms is None


def test_limits_of_shared_memory_are_in_the_plan() -> None:
    limits = {"maxEntries": 5, "maxValueBytes": 10, "maxTotalBytes": 20}
    settings = compiled(NODES, settings={"sharedMemory": limits}).settings
    assert (settings.memory_entries, settings.memory_value_bytes, settings.memory_total_bytes) == (5, 10, 20)
    assert compiled(NODES).settings.memory_entries == 1_000
