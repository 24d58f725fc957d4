"""Which benchmarks run, on which database, and that one that fails is reported without keeping the others away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as bench
from benchmarks import measuring, results
from benchmarks.measuring import Figure, report


def names(*asked: str, database: str = "both") -> list[str]:
    return [name for name, _ in bench.jobs(asked, database, quick=False)]


def test_without_names_all_but_the_long_ones_run() -> None:
    every = names()
    assert {"executions on sqlite", "executions on postgresql", "sizes on postgresql", "engine", "start"} <= set(every)
    assert "nodes on sqlite" in every
    assert "nodes on postgresql" not in every
    assert not set(bench.ONLY_BY_NAME) & set(every)


def test_by_name_and_on_one_database() -> None:
    assert names("executions", "shapes", database="postgresql") == ["executions on postgresql", "shapes"]
    assert names("nodes", database="postgresql") == ["nodes on postgresql"]


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(SystemExit, match="no such benchmark: speeed; known: executions"):
        names("speeed")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measuring, "RESULTS", tmp_path)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    monkeypatch.setattr(results.keep, "__defaults__", (tmp_path, ""))
    return tmp_path


def work(name: str, **fields: Any) -> Any:
    figure = Figure(f"{name} work", "s", [0.5], "here to there", **fields)
    return lambda: report(name, [figure], name, {"database": "sqlite"})


def test_one_table_and_one_file_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ON_A_DATABASE", {})
    monkeypatch.setattr(bench, "BY_THEMSELVES", {"a": work("a"), "b": work("b")})
    assert bench.main([]) == 0
    table = capsys.readouterr().out.partition("| work |")[2]
    assert "| a work |  | 0.5 s (0.5 … 0.5, n=1) |" in table
    assert "| b work |" in table
    (file,) = folder.glob("*.json")
    assert [found["title"] for found in json.loads(file.read_text())["reports"]] == ["a", "b"]


def test_what_fails_and_what_is_invalid_is_said_at_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise RuntimeError("no server")

    spoiled = work("b", valid=False, note="2 events of 3")
    monkeypatch.setattr(bench, "ON_A_DATABASE", {})
    monkeypatch.setattr(bench, "BY_THEMSELVES", {"a": fails, "b": spoiled})
    assert bench.main(["--quick"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-2:] == ["a: RuntimeError: no server", "b work (b) is INVALID: 2 events of 3"]
    assert list(folder.glob("*.json")) == []
