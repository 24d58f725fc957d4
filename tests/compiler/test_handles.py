"""The many spellings of handles."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.compiler.handles import handle_type, resolve_handle, selectable
from flowray.definition.node_type import Role
from tests.compiler.workflows import TYPES, compile_text, one

CASES = {"cases": [{"value": "A"}, {"value": "b-2"}, {"value": 3}], "defaultCase": "other"}


@pytest.mark.parametrize("label", [None, "", "source", "output", "default"])
def test_success_has_one_name(label: str | None) -> None:
    assert resolve_handle(label, TYPES["step"], {}) == ("source", None)


@pytest.mark.parametrize(
    ("label", "handle"),
    [
        ("true", "true"),
        ("output-true", "true"),
        ("False", "false"),
        (None, "source"),
        ("output", "source"),
        ("error", "error"),
    ],
)
def test_conditional_handles(label: str | None, handle: str) -> None:
    assert resolve_handle(label, TYPES["if"], {}) == (handle, None)


@pytest.mark.parametrize(
    ("label", "handle"),
    [
        ("A", "A"), ("case-a", "A"), ("case-b-2", "b-2"), ("case_0", "A"), ("case-1", "b-2"), ("3", "3"),
        ("default", "default"), ("other", "other"), ("case-other", "other"), ("output", "source"),
    ],
)  # fmt: skip
def test_switch_handles_follow_the_cases(label: str, handle: str) -> None:
    assert resolve_handle(label, TYPES["switch"], CASES) == (handle, None)


def test_a_route_may_be_called_output() -> None:
    config: dict[str, Any] = {"routes": ["output", "error"]}
    assert resolve_handle("output", TYPES["switch"], config) == ("output", None)
    assert resolve_handle("error", TYPES["switch"], config) == ("error", None)


def test_named_conditions_replace_the_fixed_handles() -> None:
    config = {"conditions": [{"name": "high", "expression": "x > 1"}], "defaultOutput": "low"}
    assert selectable(config) == ["high", "low"]
    assert resolve_handle("high", TYPES["if"], config) == ("high", None)


@pytest.mark.parametrize("label", ["body", "output-body", "loop-body", "loop_body"])
def test_bodies_have_one_name(label: str) -> None:
    assert resolve_handle(label, TYPES["loop"], {}) == ("loop-body", None)


def test_a_handle_that_nothing_selects_is_reported() -> None:
    finding = one(compile_text("a:input c:if d", "a>c c-maybe>d"), "UNKNOWN_HANDLE")
    assert finding.severity.value == "warning"
    assert finding.pointer == "/edges/1/sourceHandle"


@pytest.mark.parametrize(
    ("handle", "role", "kind", "expected"),
    [
        ("source", Role.PLAIN, "flow", "default"),
        ("source", Role.LOOP, "flow", "loop-exit"),
        ("error", Role.LOOP, "flow", "error"),
        ("true", Role.BRANCH, "flow", "true"),
        ("a", Role.BRANCH, "flow", "case-a"),
        ("default", Role.BRANCH, "flow", "default"),
        ("goto", Role.PLAIN, "flow", "goto"),
        ("source", Role.PLAIN, "ordering", "ordering"),
    ],
)
def test_classes_of_handles(handle: str, role: Role, kind: str, expected: str) -> None:
    assert handle_type(handle, role, kind) == expected
