"""Filters."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.expressions.evaluator import evaluate_text
from flowray.expressions.names import Names

NAMES = Names(inputs={"t": "hello world", "l": [1, "b", None], "empty": "", "n": 2.345})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("t | truncate: 8", "hello..."),
        ("t | truncate: 50", "hello world"),
        ("t | truncate: 6, '…'", "hello…"),
        ("t | truncate(2)", ".."),
        ("t | upper", "HELLO WORLD"),
        ("'A' | lower", "a"),
        ("' a ' | trim", "a"),
        ("t | capitalize", "Hello world"),
        ("t | replace: 'world', t", "hello hello world"),
        ("missing | default: 'x'", "x"),
        ("empty | default: 'x'", "x"),
        ("n | default: 'x'", 2.345),
        ("l | json", '[1,"b",null]'),
        ("l | length", 3),
        ("n | length", 0),
        ("l | first", 1),
        ("l | last", None),
        ("l | join: '/'", "1/b/"),
        ("n | round: 2", 2.35),
        ("n | round", 2),
        ("n | string", "2.345"),
        ("'5' | number", 5),
        ("missing | upper", None),
        ("t | upper | truncate: 7", "HELL..."),
        ("(t | upper) + '!'", "HELLO WORLD!"),
        ("n > 2 ? t : l | length", 11),
    ],
)
def test_results(text: str, result: Any) -> None:
    assert evaluate_text(text, NAMES) == result
