"""Which ``||`` is a default and which an or."""

from __future__ import annotations

import pytest

from flowray.expressions.conditionals import is_condition
from flowray.expressions.evaluator import evaluate_condition, evaluate_text
from flowray.expressions.names import Names
from flowray.expressions.parser import parse_expression

NAMES = Names(inputs={"no": False, "zero": 0, "empty": "", "yes": True, "text": "abc"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a == 1", True),
        ("!a", True),
        ("a.includes('x')", True),
        ("a == 1 && !b", True),
        ("a == 1 && b", False),
        ("Boolean(a)", True),
        ("true", True),
        ("a", False),
        ("a + 1", False),
        ("a ?? true", False),
    ],
)
def test_conditions_show_in_the_tree(text: str, expected: bool) -> None:
    assert is_condition(parse_expression(text)) is expected


def test_between_values_only_null_falls_through() -> None:
    assert evaluate_text("no || 'default'", NAMES) is False
    assert evaluate_text("zero || 1", NAMES) == 0
    assert evaluate_text("empty || 1", NAMES) == ""
    assert evaluate_text("missing || gone || 1", NAMES) == 1
    assert evaluate_text("no ?? 1", NAMES) is False


def test_between_conditions_anything_falsy_falls_through() -> None:
    assert evaluate_text("zero == 1 || text == 'abc'", NAMES) is True
    assert evaluate_text("text.includes('z') || text.includes('b')", NAMES) is True
    assert evaluate_text("!yes || yes", NAMES) is True


def test_where_only_the_truth_matters_values_are_conditions_too() -> None:
    assert evaluate_text("no || yes ? 'a' : 'b'", NAMES) == "a"
    assert evaluate_text("!(no || yes)", NAMES) is False
    assert evaluate_condition("no || yes", NAMES) is True
    assert evaluate_condition("yes && (no || zero)", NAMES) is False
    assert evaluate_condition("no ?? yes", NAMES) is False
