"""What lists come to."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.aggregates import KNOWN, aggregate, distinct, operation_named


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("sum", [1, "2", None, "x", True], 3), ("sum", [], 0), ("total", [1.5, 2], 3.5), ("product", [2, 3], 6),
        ("avg", [1, 2], 1.5), ("average", [], None), ("mean", ["1", "3"], 2.0), ("median", [5, 1, 3], 3),
        ("min", [3, 1], 1), ("max", [3, 10, "7"], 10), ("max", [], None), ("range", [3, 10], 7),
        ("variance", [1, 3], 1), ("stddev", [1, 3], 1.0), ("COUNT", [1, None], 2), ("countDistinct", [1, 1, 2], 2),
        ("unique", [{"a": 1}, {"a": 1}, 2], [{"a": 1}, 2]), ("collect", [1, None], [1, None]), ("first", [1, 2], 1),
        ("first", [], None), ("last", [1, 2], 2), ("concat", ["a", 1, None], "a1"),
        ("concat", [[1], [2, 3]], [1, 2, 3]),
    ],
)  # fmt: skip
def test_operations(name: str, values: list[Any], expected: Any) -> None:
    assert aggregate(values, name) == expected


def test_unknown_operations() -> None:
    with pytest.raises(FlowrayError, match="unknown aggregate 'explode'; known: sum"):
        aggregate([1], "explode")
    assert operation_named("explode") is None
    assert [operation_named(name) for name in KNOWN] == list(KNOWN)


def test_distinct_keeps_the_first() -> None:
    assert distinct([2, 1, 2, "1"]) == [2, 1, "1"]
