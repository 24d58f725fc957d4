"""The shapes in which tables come."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents import table_data
from flowray.handlers.documents.table_data import sheets_of


def one(data: Any, columns: list[str] | None = None) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    (sheet,) = sheets_of(data, "S", columns)
    assert sheet.name == "S"
    return sheet.columns, sheet.rows


def test_shapes() -> None:
    records = [{"a": 1, "b": [1]}, {"c": None, "a": "x"}]
    assert one(records) == (("a", "b", "c"), ((1, "[1]", None), ("x", None, None)))
    assert one(records, ["c", "a"]) == (("c", "a"), ((None, 1), (None, "x")))
    assert one({"a": 1}) == (("a",), ((1,),))
    assert one([[1, 2], [3]]) == ((), ((1, 2), (3,)))
    assert one(["x", True]) == ((), (("x",), (True,)))
    assert one({"columns": ["n"], "rows": [[1]]}) == (("n",), ((1,),))
    assert one('[{"a": 1}]') == (("a",), ((1,),))
    assert one([]) == ((), ())
    assert one({"tags": [1, 2], "n": 3}) == (("tags", "n"), (("[1,2]", 3),))


def test_sheets_by_name() -> None:
    found = sheets_of({"Sales 1/2": [{"a": 1}], "sales 1_2": [[2]], "x" * 40: []}, "S")
    assert [sheet.name for sheet in found] == ["Sales 1_2", "sales 1_2 2", "x" * 31]


@pytest.mark.parametrize("data", [None, "prose", 7, True])
def test_no_table(data: Any) -> None:
    with pytest.raises(FlowrayError, match="is no table") as raised:
        sheets_of(data, "S")
    assert raised.value.code == ErrorCode.INVALID_NODE_CONFIG


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_data, "MAX_CELLS", 3)
    for data in ([[1, 2], [3, 4]], [[], [], [], []], [list(range(16_385))]):
        with pytest.raises(FlowrayError) as raised:
            sheets_of(data, "S")
        assert raised.value.code == ErrorCode.FILE_LIMIT_EXCEEDED
