"""Rows of a batch from JSON lines, JSON lists and CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray.cli.rows import read_rows
from flowray.errors import FlowrayError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("in.jsonl", '{"a": 1}\n\n{"a": "x"}\n'),
        ("in.json", '[{"a": 1}, {"a": "x"}]'),
        ("in.csv", "a,b\n1,\nx,\n"),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_rows(str(tmp_path / name)) == [{"a": 1}, {"a": "x"}]


def test_every_bad_line_is_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n{\n{"a": 2}\nnope\n')
    with pytest.raises(FlowrayError) as caught:
        read_rows(str(tmp_path / "in.jsonl"))
    assert [item["message"].split(":")[0] for item in caught.value.details["errors"]] == ["line 2", "line 4"]


def test_a_row_that_is_no_object_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n[2]\n')
    with pytest.raises(FlowrayError) as caught:
        read_rows(str(tmp_path / "in.jsonl"))
    assert caught.value.details["errors"] == [{"message": "row 2 is not an object"}]


def test_a_long_list_of_findings_says_how_many_more(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("x\n" * 25)
    with pytest.raises(FlowrayError) as caught:
        read_rows(str(tmp_path / "in.jsonl"))
    assert caught.value.details["errors"][-1] == {"message": "and 5 more"}


def test_a_broken_json_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text("[1,")
    with pytest.raises(FlowrayError, match="is not a list of inputs"):
        read_rows(str(tmp_path / "in.json"))
