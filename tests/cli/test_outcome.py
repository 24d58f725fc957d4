"""From the status of an execution to output and exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from flowray.cli.outcome import failure_of, finish
from flowray.cli.output import Output
from flowray.errors import ErrorCode


def execution(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "x", "status": status, "outputs": {"a": 1}, "error": None, **more}


def test_outputs_of_a_completed_execution(capsys: pytest.CaptureFixture[str]) -> None:
    finish(Output(), execution("completed"))
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_a_paused_execution_prints_whole_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    finish(Output(), execution("paused"))
    assert json.loads(capsys.readouterr().out)["status"] == "paused"


@pytest.mark.parametrize(("status", "code"), [("failed", 1), ("timed_out", 8), ("cancelled", 130), ("crashed", 1)])
def test_exit_codes_of_statuses(capsys: pytest.CaptureFixture[str], status: str, code: int) -> None:
    with pytest.raises(typer.Exit) as left:
        finish(Output(), execution(status))
    assert left.value.exit_code == code
    assert capsys.readouterr().out == ""


def test_a_failed_execution_in_full_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        finish(Output(), execution("failed"), full=True)
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == "failed"
    assert captured.err == ""


def test_a_silent_finish_has_only_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        finish(Output(), execution("failed"), silent=True)
    assert capsys.readouterr() == ("", "")


def test_the_error_names_node_and_attempt() -> None:
    given = {"code": "HTTP_STATUS", "message": "404", "node_id": "fetch", "attempt": 3, "hint": "look"}
    error = failure_of(execution("failed", error=given))
    assert (error.code, error.message, error.hint) == (ErrorCode.HTTP_STATUS, "node 'fetch', attempt 3: 404", "look")


def test_a_code_of_a_plugin_is_a_failed_node() -> None:
    assert failure_of(execution("failed", error={"code": "ODD", "message": "m"})).code is ErrorCode.NODE_FAILED


def test_a_cancelled_execution_says_why() -> None:
    error = failure_of(execution("cancelled", cancel_reason="wrong customer"))
    assert (error.code, error.message) == (
        ErrorCode.EXECUTION_CANCELLED,
        "the execution is cancelled: wrong customer",
    )
