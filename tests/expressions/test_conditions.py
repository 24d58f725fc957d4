"""Comparisons of condition nodes."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.expressions.conditions import (
    compare,
    evaluate_operator,
    fill_operand,
    is_bounded_operator,
    parse_operand,
)
from flowray.expressions.names import Names
from flowray.expressions.template import TemplateWarning


@pytest.mark.parametrize(
    ("left", "operator", "right", "result"),
    [
        ("10", "==", "10", True),
        ("Hello", "==", "HELLO", True),
        ("20", ">", "10", True),
        ("10", ">", "10", False),
        ("banana", ">", "apple", True),
        ("Banana", ">", "apple", True),
        ("1e6", "==", "1000000", True),
        ("  hello  ", "==", "hello", False),
        ("null", "==", "undefined", True),
        ("null", "==", "test", False),
        ("null", "<", "5", False),
        ("", "==", "", True),
        ('{"a":1}', "==", '{"a":1}', True),
        ("true", "==", "TRUE", True),
        ("true", "==", "1", True),
        ("Hello World", "contains", "WORLD", True),
        ("Hello", "notContains", "z", True),
        ('["apple","Banana"]', "contains", "banana", True),
        ("Hello", "startsWith", "HE", True),
        ("Hello", "endsWith", "LO", True),
        ("", "isEmpty", "", True),
        ("x", "isNotEmpty", "", True),
        ("null", "isNull", "", True),
        ("0", "isNull", "", False),
        ("abc1", "matches", r"^[a-z]+\d$", True),
        ("true", "isTrue", "", True),
        ("a", "unheardOf", "a", False),
    ],
)
def test_scenario_31_the_conditional_node(left: str, operator: str, right: str, result: bool) -> None:
    assert compare(parse_operand(left), operator, parse_operand(right)) is result


@pytest.mark.parametrize(
    ("left", "operator", "right", "result"),
    [
        (10, "==", "10", True),
        (10, "===", "10", False),
        (10, "strictNotEquals", "10", True),
        (True, "==", 1, True),
        (None, "==", None, True),
        ("10", ">", 5, True),
        (5, "lte", 5, True),
        ("Hello", "contains", "hello", False),
        (["a"], "contains", "a", True),
        (12345, "contains", "234", True),
        ("test1", "matches", "^test\\d$", True),
        ("x", "matches", "(", False),
        ("x", "matches", "[[]", False),
        ([], "isEmpty", None, True),
        ({"a": 1}, "isNotEmpty", None, True),
        (0, "isEmpty", None, False),
        (False, "isFalse", None, True),
        ("a", "unknownOp", "b", False),
    ],
)
def test_scenario_32_the_engine(left: Any, operator: str, right: Any, result: bool) -> None:
    assert evaluate_operator(left, operator, right) is result


def test_regular_expressions_are_limited_in_size() -> None:
    assert evaluate_operator("a" * 200_000, "matches", "a") is False
    assert evaluate_operator("a", "matches", "a" * 2_000) is False


def test_r45_only_regular_expressions_are_unbounded() -> None:
    assert (is_bounded_operator("matches"), is_bounded_operator("==")) == (False, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("True", True),
        ("NULL", None),
        ("undefined", None),
        ("[1]", [1]),
        ("[1", "[1"),
        ("12ab", "12ab"),
        (" a ", " a "),
    ],
)
def test_operands(text: str, value: Any) -> None:
    assert parse_operand(text) == value


def test_scenario_37_a_missing_side_is_the_empty_text() -> None:
    names = Names(inputs={"n": "5", "list": [1], "null": None})
    warnings: list[TemplateWarning] = []
    assert fill_operand("{{gone}}", names, warnings) == ""
    assert [warning.placeholder for warning in warnings] == ["{{gone}}"]
    assert fill_operand("{{n}}", names) == 5
    assert fill_operand("{{list}}", names) == [1]
    assert fill_operand("{{null}}", names) is None
    assert fill_operand(7, names) == 7
    assert fill_operand("x{{gone}}", names) == ""
