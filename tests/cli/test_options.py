"""Inputs, files and settings as the command line reads them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from flowray.cli.options import json_or_text, parse_inputs, read_text, settings_from_environment
from flowray.errors import ErrorCode, FlowrayError


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("[1]", [1]), ("true", True), ("Paris", "Paris"), ('"5"', "5"), ("", ""), ("{not json", "{not json")],
)
def test_a_value_is_json_where_it_reads_as_json(text: str, value: object) -> None:
    assert json_or_text(text) == value


def test_single_inputs_add_to_the_object(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text('{"a": 1, "b": 2}')
    assert parse_inputs(["b=3", "c=x=y"], f"@{file}") == {"a": 1, "b": 3, "c": "x=y"}


def test_inputs_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1}'))
    assert parse_inputs(None, "-") == {"a": 1}


@pytest.mark.parametrize(("pairs", "document"), [(["novalue"], None), (["=x"], None), (None, "{"), (None, "[1]")])
def test_what_is_no_input_is_named(pairs: list[str] | None, document: str | None) -> None:
    with pytest.raises(FlowrayError) as caught:
        parse_inputs(pairs, document)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlowrayError, match=r"cannot read .*absent\.json: No such file"):
        read_text(str(tmp_path / "absent.json"))
    binary = tmp_path / "x.bin"
    binary.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(FlowrayError, match="cannot read"):
        read_text(str(binary))


def test_wrong_settings_are_named_by_their_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRAY_PORT", "http")
    with pytest.raises(FlowrayError) as caught:
        settings_from_environment()
    assert caught.value.code is ErrorCode.CONFIGURATION
    assert caught.value.details["errors"][0]["message"].startswith("FLOWRAY_PORT: ")


def test_options_win_over_the_environment_and_none_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRAY_PORT", "9001")
    assert settings_from_environment(port=9002).port == 9002
    assert settings_from_environment(port=None, host="::1").port == 9001
