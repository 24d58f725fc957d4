"""Pure operations on JSON."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.logic.transform import operations as ops


def test_paths() -> None:
    data = {"a": [{"b": 1}], "length": "own"}
    assert ops.at_path(data, "a[0].b") == 1
    assert ops.at_path(data, "a.0.b") == 1
    assert ops.at_path(data, "$.a.length") == 1
    assert ops.at_path(data, "length") == "own"
    assert ops.at_path(data, "a[5].b") is None
    assert ops.at_path(data, "") == data


def test_sorting_is_stable_and_puts_nulls_last() -> None:
    rows = [{"k": None}, {"k": "b"}, {"k": 2}, {"k": "A"}, {"k": 1}]
    assert [row["k"] for row in ops.sort_by_path(rows, "k", "asc")] == [1, 2, "A", "b", None]


def test_setting_paths_leaves_the_base_alone() -> None:
    base = {"a": {"b": 1}}
    done = ops.set_paths(base, [{"path": "a.c", "value": 2}, {"type": "delete", "path": "a.b"}])
    assert done == {"a": {"c": 2}}
    assert base == {"a": {"b": 1}}
    with pytest.raises(FlowrayError, match="unknown transform operation 'move'"):
        ops.set_paths({}, [{"type": "move"}])


def test_duplicates() -> None:
    rows = [{"e": "X", "n": 1}, {"e": "x", "n": 2}, {"e": "y", "n": 3}]
    assert ops.deduplicate(rows, ["e"], "first", True) == rows
    assert ops.deduplicate(rows, ["e"], "last", False) == rows[1:]
    assert ops.deduplicate([1, 1, 2], None, "first", True) == [1, 2]


def test_aggregates_by_group() -> None:
    rows = [{"g": "a", "v": 1}, {"g": "b", "v": 5}, {"g": "a", "v": 3}]
    assert ops.aggregate(rows, ["avg", "max", "count"], "v", "g") == {
        "a": {"avg": 2, "max": 3, "count": 2}, "b": {"avg": 5, "max": 5, "count": 1},
    }  # fmt: skip
    assert ops.aggregate([], ["sum", "average", "min"], None, None) == {"sum": 0, "average": None, "min": None}
    with pytest.raises(FlowrayError, match="unknown aggregate 'mode'"):
        ops.aggregate([], ["mode"], None, None)


def test_merging_and_flattening() -> None:
    assert ops.merge_values([{"a": 1}, None, {"b": 2}]) == {"a": 1, "b": 2}
    assert ops.merge_values([[1], 2, {"a": 3}]) == [1, 2, {"a": 3}]
    assert ops.flatten([1, [2, [3]]], 1) == [1, 2, [3]]
    assert ops.flatten([1, [2, [3]]], 2) == [1, 2, 3]
    assert ops.flatten(None, 1) == []
