"""The conditional node in its three forms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.running import fail, output, succeed


async def test_simple_mode_selects_a_branch_and_shows_both_sides() -> None:
    config = {"leftValue": "{{score}}", "operator": ">=", "rightValue": "80"}
    result = await succeed("conditional", config, inputs={"score": 85})
    assert result.signals.selected_routes == ("true",)
    assert result.output == {
        "conditionMet": True, "branch": "true", "leftValue": 85, "rightValue": 80, "operator": ">=",
    }  # fmt: skip


async def test_a_missing_side_is_empty_text_and_a_null_one_is_null() -> None:
    empty = {"leftValue": "{{gone}}", "operator": "==", "rightValue": ""}
    assert (await output("conditional", empty))["conditionMet"] is True
    null = {"leftValue": "{{here}}", "operator": "==", "rightValue": "null"}
    assert (await output("conditional", null, inputs={"here": None}))["conditionMet"] is True


@pytest.mark.parametrize(
    ("expression", "branch"),
    [
        ("analysis.text.includes('urgent')", "true"),
        ("analysis.score === 3 && !analysis.done", "true"),
        ("missing?.decision === 'approve' || analysis.done", "false"),
        ('${analysis.score} == "3"', "true"),
        ("{{analysis.score}} > 5", "false"),
        ("Object.entries(analysis).length === 3 && (() => true)()", "true"),  # beyond the language: JavaScript
    ],
)
@pytest.mark.parametrize("field", ["expression", "condition"])
async def test_expressions(expression: str, branch: str, field: str) -> None:
    context = {"analysis": {"text": "urgent: now", "score": 3, "done": False}}
    result = await succeed("if", {field: expression, "conditionType": "expression"}, outputs=context)
    assert result.signals.selected_routes == (branch,)
    assert result.output["operator"] == "expression"


async def test_a_condition_that_throws_is_an_error() -> None:
    error = await fail("conditional", {"expression": "(() => { throw new Error('no') })()"})
    assert error.code == "EXPRESSION_ERROR"
    assert "no" in error.message


RULES = {
    "mode": "router",
    "conditions": [
        {"name": "high", "expression": "score >= 80"},
        {"name": "medium", "expression": "score >= 50"},
    ],
    "defaultOutput": "low",
    "evaluationMode": "first",
}


@pytest.mark.parametrize(("score", "mode", "routes"), [
    (90, "first", ("high",)), (60, "first", ("medium",)), (10, "first", ("low",)), (90, "all", ("high", "medium")),
])  # fmt: skip
async def test_rules_select_their_names(score: int, mode: str, routes: tuple[str, ...]) -> None:
    result = await succeed("conditional", {**RULES, "evaluationMode": mode}, inputs={"score": score})
    assert result.signals.selected_routes == routes
    assert result.output["branch"] == routes[0]


async def test_no_rule_and_no_default_selects_nothing() -> None:
    rules: dict[str, Any] = {key: value for key, value in RULES.items() if key != "defaultOutput"}
    result = await succeed("conditional", rules, inputs={"score": 1})
    assert result.signals.selected_routes == ()
    assert result.output["branch"] is None


async def test_a_regular_expression_runs_in_the_sandbox() -> None:
    """R45."""
    config = {"leftValue": "order 42", "operator": "matches", "rightValue": "\\d+$"}
    assert (await output("conditional", config))["conditionMet"] is True


async def test_wrong_configs_say_what_is_wrong() -> None:
    error = await fail("conditional", {})
    assert error.code == "INVALID_NODE_CONFIG"
    assert "operator" in error.message
    error = await fail("conditional", {"leftValue": 1, "operator": "~~", "rightValue": 1})
    assert error.message == "unknown operator '~~'"
    assert (await fail("conditional", {"expression": "  "})).message == "the condition is empty"
