"""The comparison that the tables rest on finds what differs. Starts nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.matching import mismatch


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
        ({"a": 1, "...": True}, {"a": 1, "b": 2}),
        ({"at": "<time>", "said": "<text>"}, {"at": "2026-01-31T12:00:00.123Z", "said": "x"}),
        (2, 2.0),
    ],
)
def test_what_fits(expected: Any, actual: Any) -> None:
    assert mismatch(expected, actual) is None


@pytest.mark.parametrize(
    ("expected", "actual", "where"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "/a/b: expected 1, got 2"),
        ({"a": 1}, {"a": 1, "b": 2}, "/: missing [], unexpected ['b']"),
        ({"a": 1, "...": True}, {"b": 2}, "/: missing ['a'], unexpected ['b']"),
        ([1, 2], [1], "/: expected [1, 2], got [1]"),
        ([1, 2], [1, 3], "/1: expected 2, got 3"),
        (True, 1, "/: expected True, got 1"),
        ("<time>", "yesterday", "/: 'yesterday' is no time"),
        ("<text>", "", "/: '' is no text"),
        ({}, None, "/: expected {}, got None"),
    ],
)
def test_what_does_not_fit(expected: Any, actual: Any, where: str) -> None:
    assert mismatch(expected, actual) == where
