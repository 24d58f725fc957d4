"""Formats, tables and errors."""

from __future__ import annotations

import json

import pytest

from flowray.cli.output import Output, OutputFormat, exit_code, finding_line
from flowray.errors import ErrorCode, FlowrayError

ROWS = [{"name": "a\tb", "size": 3, "more": {"x": 1}}, {"name": "c", "size": None, "more": None}]


def output(format: OutputFormat | None = None) -> Output:
    made = Output()
    made.format = format
    return made


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        (None, '{\n  "a": 1\n}\n'),
        (OutputFormat.JSON, '{\n  "a": 1\n}\n'),
        (OutputFormat.JSONL, '{"a": 1}\n'),
        (OutputFormat.YAML, "a: 1\n"),
        (OutputFormat.TABLE, "name\tvalue\na\t1\n"),
    ],
)
def test_a_document_in_every_format(
    capsys: pytest.CaptureFixture[str], format: OutputFormat | None, expected: str
) -> None:
    output(format).document({"a": 1})
    assert capsys.readouterr().out == expected


def test_rows_in_a_pipe_are_tab_separated_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    output().rows([*ROWS, {"name": long}], ("name", "size", "more"))
    assert capsys.readouterr().out.splitlines() == ["name\tsize\tmore", 'a b\t3\t{"x": 1}', "c\t\t", f"{long}\t\t"]


def test_rows_as_json_lines_hold_everything(capsys: pytest.CaptureFixture[str]) -> None:
    output(OutputFormat.JSONL).rows(ROWS, ("name",))
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_an_error_names_code_findings_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    error = FlowrayError(
        ErrorCode.INVALID_INPUT,
        "two misfits",
        details={"errors": [{"pointer": "/n", "message": "missing"}]},
        hint="look",
    )
    output().error(error)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["error INVALID_INPUT: two misfits", "  /n: missing", "hint: look"]


def test_an_error_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    output(OutputFormat.JSON).error(FlowrayError(ErrorCode.NOT_FOUND, "gone"))
    assert json.loads(capsys.readouterr().err) == {"error": {"code": "NOT_FOUND", "message": "gone", "hint": None}}


def test_no_colour_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    output().note("red", style="bold red")
    assert capsys.readouterr().err == "red\n"


def test_brackets_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output().note("[bold]x[/bold] results[0]")
    assert capsys.readouterr().err == "[bold]x[/bold] results[0]\n"


def test_a_finding_in_one_line() -> None:
    finding = {"severity": "error", "code": "CYCLE", "pointer": "/edges/3", "message": "a cycle", "hint": "cut it"}
    assert finding_line(finding) == "error CYCLE /edges/3: a cycle (cut it)"


def test_what_has_no_code_of_its_own_fails_with_1() -> None:
    assert exit_code(FlowrayError(ErrorCode.INTERNAL, "x")) == 1
