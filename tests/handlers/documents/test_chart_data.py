"""The shapes in which data for charts comes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.chart_data import chart_data

Found = tuple[tuple[str, ...], list[tuple[str, tuple[float, ...]]]]


def shape(data: Any, labels: Any = None) -> Found:
    found = chart_data(data, labels)
    return found.labels, [(series.name, series.values) for series in found.series]


@pytest.mark.parametrize(
    ("data", "labels", "expected"),
    [
        ([1, "2", 3.5], ["a", "b"], (("a", "b", "3"), [("", (1, 2, 3.5))])),
        ({"a": 1, "b": "2", "note": "x"}, None, (("a", "b"), [("", (1, 2))])),
        (
            [{"label": "s", "data": [1, 2]}, {"name": "t", "values": [3, 4]}],
            ["a", "b"],
            (("a", "b"), [("s", (1, 2)), ("t", (3, 4))]),
        ),
        ([{"month": "Jan", "in": 1, "out": 2}, {"month": "Feb", "in": 3}], None, (("Jan", "Feb"), None)),
        ({"labels": ["a"], "datasets": [{"label": "s", "data": [1]}]}, None, (("a",), [("s", (1,))])),
        ({"labels": ["a", "b"], "values": [1, 2]}, None, (("a", "b"), [("", (1, 2))])),
        ([["a", 1], ["b", 2]], None, (("a", "b"), [("", (1, 2))])),
        ('```json\n[{"segment": "x", "rate": 0.5}]\n```', None, (("x",), [("rate", (0.5,))])),
        ({"north": [1, 2], "south": [3, 4]}, None, (("1", "2"), [("north", (1, 2)), ("south", (3, 4))])),
        ([], None, ((), [])),
    ],
)
def test_shapes(data: Any, labels: Any, expected: Any) -> None:
    found = shape(data, labels)
    assert found[0] == expected[0]
    if expected[1] is not None:
        assert found[1] == expected[1]


def test_gaps_and_points() -> None:
    (first, second) = chart_data([{"m": "a", "x1": 1, "x2": 2}, {"m": "b", "x1": 3}]).series
    assert (first.values, second.values[0], math.isnan(second.values[1])) == ((1, 3), 2, True)
    (points,) = chart_data([{"x": 1, "y": 5}, {"x": 2, "y": 6}]).series
    assert (points.xs, points.values) == ((1, 2), (5, 6))
    (points,) = chart_data([[1, 5], [2, 6]]).series
    assert points.xs == (1, 2)
    (points,) = chart_data([{"label": "s", "data": [{"x": 1, "y": 2}]}]).series
    assert (points.name, points.xs, points.values) == ("s", (1,), (2,))


@pytest.mark.parametrize("data", [None, "prose", True, {"a": "x"}, ["a", {}], [{"a": "x"}], {}, [[1, 2, 3]]])
def test_nothing_to_draw(data: Any) -> None:
    with pytest.raises(FlowrayError, match="nothing in the data") as raised:
        chart_data(data)
    assert raised.value.code == ErrorCode.INVALID_NODE_CONFIG


@pytest.mark.parametrize("data", [[1] * 20_001, [{"label": "s", "data": [1]}] * 51])
def test_too_much(data: Any) -> None:
    with pytest.raises(FlowrayError) as raised:
        chart_data(data)
    assert raised.value.code == ErrorCode.FILE_LIMIT_EXCEEDED
