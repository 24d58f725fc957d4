"""Values to text, numbers and truth."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.expressions.conversions import (
    arithmetic,
    json_kind,
    loosely_equal,
    order,
    parse_number,
    strictly_equal,
    tidy,
    to_number,
    to_text,
    truthy,
)
from flowray.expressions.names import MISSING


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (MISSING, "null"),
        (True, "true"),
        (3.0, "3"),
        (3.14, "3.14"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.00001, "0.00001"),
        (-0.5, "-0.5"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (2**70, "1180591620717411303424"),
        ("", ""),
        ([1, "ü", None], '[1,"ü",null]'),
        ({"a": {"b": True}}, '{"a":{"b":true}}'),
        ({"big": 2**70}, '{"big":1180591620717411303424}'),
    ],
)
def test_text(value: Any, text: str) -> None:
    assert to_text(value) == text


def test_a_number_too_long_to_write_is_infinity() -> None:
    assert (to_text(10**5000), to_text(-(10**5000))) == ("Infinity", "-Infinity")


@pytest.mark.parametrize(
    ("value", "number"),
    [("5", 5), (" 1.50 ", 1.5), ("1e6", 1_000_000), ("-.5", -0.5), (True, 1), ("", None), ("5a", None), (None, None),
     ("\u0665", None), ("1_000", None), ("0x10", None), ("1e999", None), ("9" * 500, None), ([1], None)],
)  # fmt: skip
def test_numbers(value: Any, number: float | None) -> None:
    assert to_number(value) == number
    assert type(to_number(value)) is type(number)


def test_parsing_a_number_takes_linear_time() -> None:
    assert parse_number("1" * 399 + "x") is None
    assert parse_number("1" * 10_000_000 + "x") is None


def test_truth_is_javascripts() -> None:
    falsy: list[Any] = [None, MISSING, False, 0, 0.0, "", float("nan")]
    true: list[Any] = [True, -1, "0", "false", [], {}]
    assert [truthy(value) for value in falsy] == [False] * 7
    assert [truthy(value) for value in true] == [True] * 6


@pytest.mark.parametrize(
    ("left", "right", "loose", "strict"),
    [
        (5, "5", True, False),
        (1, 1.0, True, True),
        (True, 1, True, False),
        (None, MISSING, True, True),
        (None, 0, False, False),
        (None, "", False, False),
        ("", 0, False, False),
        ("a", "A", False, False),
        ([1, {"a": 2}], [1, {"a": 2}], True, True),
        ([1], "1", False, False),
        ({}, [], False, False),
    ],
)
def test_equality(left: Any, right: Any, loose: bool, strict: bool) -> None:
    assert (loosely_equal(left, right), loosely_equal(right, left)) == (loose, loose)
    assert strictly_equal(left, right) is strict


@pytest.mark.parametrize(
    ("left", "right", "sign"),
    [(1, 2, -1), ("10", "9", 1), ("10", 9, 1), ("b", "a", 1), ("a", "a", 0), (None, 5, None), ("a", 1, None),
     ([], 1, None)],
)  # fmt: skip
def test_order(left: Any, right: Any, sign: int | None) -> None:
    assert order(left, right) == sign


@pytest.mark.parametrize(
    ("operator", "left", "right", "result"),
    [
        ("+", 1, 2.5, 3.5),
        ("+", "a", 1, "a1"),
        ("+", None, "x", "nullx"),
        ("+", None, 1, None),
        ("-", "5", 3, 2),
        ("*", 2, "x", None),
        ("/", 4, 2, 2),
        ("/", 1, 0, None),
        ("%", -7, 3, -1),
        ("%", 1, 0, None),
        ("*", 10**300, 10**300, None),
        ("*", 2**53, 2, 2.0**54),
    ],
)
def test_arithmetic(operator: str, left: Any, right: Any, result: Any) -> None:
    assert arithmetic(operator, left, right) == result


def test_tidy_keeps_results_json_and_small() -> None:
    assert (tidy(2.0), type(tidy(2.0))) == (2, int)
    assert type(tidy(2**60)) is float
    assert (tidy(float("inf")), tidy(10**400)) == (None, None)


def test_kinds() -> None:
    values: list[Any] = [MISSING, True, 1, 1.5, "", [], {}]
    kinds = [json_kind(value) for value in values]
    assert kinds == ["null", "boolean", "number", "number", "string", "array", "object"]
