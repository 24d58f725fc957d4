"""Batches in this process and on a server give the same lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import FAILING, GREET, Command

Write = Callable[..., Path]


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    path = tmp_path / "inputs.jsonl"
    path.write_text("".join(json.dumps({"name": name}) + "\n" for name in ("Ada", "Bob", "Eve")))
    return path


@pytest.mark.parametrize("where", ["local", "server"])
def test_results_come_in_the_order_of_the_rows(
    flowray: Command, workflow_file: Write, rows_file: Path, tmp_path: Path, where: str, request: pytest.FixtureRequest
) -> None:
    options = ["--local"] if where == "local" else ["--url", request.getfixturevalue("server_url")]
    out = tmp_path / "out.jsonl"
    outcome = flowray("batch", workflow_file(GREET), rows_file, "-o", out, *options)
    assert (outcome.code, outcome.out) == (0, "")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["index"], line["workflow"], line["status"], line["outputs"]) for line in lines] == [
        (0, "greet", "completed", {"greeting": "hi Ada"}),
        (1, "greet", "completed", {"greeting": "hi Bob"}),
        (2, "greet", "completed", {"greeting": "hi Eve"}),
    ]


@pytest.mark.parametrize("where", ["local", "server"])
def test_a_file_of_several_workflows_runs_each(
    flowray: Command, tmp_path: Path, where: str, request: pytest.FixtureRequest
) -> None:
    options = ["--local"] if where == "local" else ["--url", request.getfixturevalue("server_url")]
    several = tmp_path / "several.jsonl"
    several.write_text(json.dumps(GREET) + "\n" + json.dumps({**GREET, "name": "again"}) + "\n")
    rows = tmp_path / "rows.csv"
    rows.write_text("name\nAda\nBob\n")
    outcome = flowray("batch", several, rows, *options)
    assert [(line["workflow"], line["index"]) for line in outcome.lines] == [
        ("again", 0), ("again", 1), ("greet", 0), ("greet", 1),
    ]  # fmt: skip


def test_without_inputs_each_runs_once_and_a_failure_exits_with_1(flowray: Command, workflow_file: Write) -> None:
    outcome = flowray("batch", workflow_file(FAILING), "--local", "--format", "json")
    assert outcome.code == 1
    (result,) = outcome.data
    assert (result["status"], result["error"]["code"]) == ("failed", "UNKNOWN_NODE_TYPE")
    assert "0 of 1 completed" in outcome.err


def test_a_row_that_does_not_fit_fails_alone(flowray: Command, workflow_file: Write, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"name": "Ada"}\n{}\n')
    outcome = flowray("batch", workflow_file(GREET), rows, "--local")
    assert [line["status"] for line in outcome.lines] == ["completed", "failed"]
    assert outcome.lines[1]["error"]["code"] == "INVALID_INPUT"


def test_a_wrong_definition_starts_nothing(flowray: Command, tmp_path: Path) -> None:
    several = tmp_path / "several.jsonl"
    several.write_text(json.dumps(GREET) + "\n" + json.dumps({"nodes": 3}) + "\n")
    outcome = flowray("batch", several, "--local")
    assert (outcome.code, outcome.out) == (1, "")
    assert "INVALID_DEFINITION" in outcome.err


def test_results_that_could_not_be_written_start_nothing(
    flowray: Command, workflow_file: Write, tmp_path: Path
) -> None:
    outcome = flowray("batch", workflow_file(GREET), "--local", "-o", tmp_path / "nowhere" / "out.jsonl")
    assert (outcome.code, outcome.out) == (2, "")
    assert "cannot write" in outcome.err
    assert "completed" not in outcome.err
