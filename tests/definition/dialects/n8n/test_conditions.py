"""Conditions of IF, Filter and Switch in all versions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.definition.dialects.n8n.drawing import config, edges, imported, node


def expression(**parameters: Any) -> str:
    result = imported(node("start", "manualTrigger"), node("x", "if", 2, **parameters), start=[["x"]])
    return str(config(result, "x")["expression"])


def one(operation: str, right: Any = "", kind: str = "string", **options: Any) -> str:
    entry = {"leftValue": "={{ $json.a }}", "rightValue": right, "operator": {"type": kind, "operation": operation}}
    return expression(conditions={"combinator": "and", "conditions": [entry], "options": options})


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (one("equals", "x"), '(start.a == "x")'),
        (one("gt", "3", "number"), "(start.a > 3)"),
        (one("true", kind="boolean"), "((start.a) == true)"),
        (one("contains", "x"), "(((start.a) ?? '').includes(\"x\"))"),
        (one("exists"), "((start.a) != null)"),
        (
            one("equals", "X", caseSensitive=False),
            "((((start.a) ?? '').toLowerCase()) == (((\"X\") ?? '').toLowerCase()))",
        ),
        (one("regex", "^a"), "(x_expressions.e0)"),
        (one("nonsense"), "(false)"),
    ],
)
def test_operators(found: str, wanted: str) -> None:
    assert found == wanted


def test_the_first_version_and_any_of_several() -> None:
    written = {"string": [{"value1": "={{ $json.a }}", "value2": "x"}], "number": [
        {"value1": "={{ $json.n }}", "operation": "larger", "value2": 2}]}  # fmt: skip
    assert expression(conditions=written, combineOperation="any") == '(start.a == "x") || (start.n > 2)'


def test_rules_of_a_switch_are_handles() -> None:
    rule = {"leftValue": "={{ $json.a }}", "rightValue": "x", "operator": {"type": "string", "operation": "equals"}}
    rules = {"values": [{"outputKey": "first", "renameOutput": True, "conditions": {"conditions": [rule]}}]}
    result = imported(
        node("start", "manualTrigger"), node("x", "switch", 3, rules=rules, options={"fallbackOutput": "extra"}),
        node("a", "noOp"), node("b", "noOp"), start=[["x"]], x=[["a"], ["b"]],
    )  # fmt: skip
    assert config(result, "x") == {
        "conditions": [{"name": "first", "expression": '(start.a == "x")'}], "defaultOutput": "fallback",
    }  # fmt: skip
    assert {("x", "first", "a"), ("x", "fallback", "b")} <= edges(result)


def test_a_switch_of_the_first_version() -> None:
    rules = {"rules": [{"value2": "/start", "operation": "startsWith", "output": 1}]}
    found = imported(
        node("start", "manualTrigger"),
        node("x", "switch", 1, rules=rules, value1="={{ $json.t }}", dataType="string", fallbackOutput=3),
        start=[["x"]],
    )
    assert config(found, "x") == {
        "conditions": [{"name": "output0", "expression": "((start.t) ?? '').startsWith(\"/start\")"}],
        "defaultOutput": "fallback",
    }
