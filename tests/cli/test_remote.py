"""submit, watch, logs and cancel against a server on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import FAILING, GREET, WAITING, Command

Write = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("server_url")


def test_submit_says_what_was_started_and_watch_follows(flowray: Command, workflow_file: Write) -> None:
    started = flowray("submit", workflow_file(GREET), "-i", "name=Ada").data
    assert started["workflow_id"] is None
    watched = flowray("watch", started["id"])
    assert (watched.code, watched.data) == (0, {"greeting": "hi Ada"})
    assert "start (input)" in watched.err


def test_submit_and_watch_in_one(flowray: Command, workflow_file: Write) -> None:
    assert flowray("submit", workflow_file(GREET), "-i", "name=Bob", "--watch").data == {"greeting": "hi Bob"}


def test_save_keeps_the_workflow_which_then_runs_by_its_id(flowray: Command, workflow_file: Write) -> None:
    saved = flowray("submit", workflow_file(GREET), "-i", "name=Ada", "--save").data["workflow_id"]
    again = flowray("submit", saved, "-i", "name=Eve", "--watch", "--full").data
    assert (again["workflow_id"], again["outputs"]) == (saved, {"greeting": "hi Eve"})


def test_the_same_key_starts_once(flowray: Command, workflow_file: Write) -> None:
    path = workflow_file(GREET)
    ids = {flowray("submit", path, "-i", "name=Ada", "--idempotency-key", "k").data["id"] for _ in range(2)}
    assert len(ids) == 1


def test_the_deadline_of_a_submitted_workflow(flowray: Command, workflow_file: Write) -> None:
    """R14: one that has passed ends it at once."""
    outcome = flowray("submit", workflow_file(WAITING), "--deadline", "2020-01-01T00:00:00Z", "--watch", "-o", "json")
    assert (outcome.code, outcome.error["code"]) == (8, "EXECUTION_TIMEOUT")
    refused = flowray("submit", workflow_file(WAITING), "--deadline", "soon", "-o", "json")
    assert (refused.code, refused.error["code"]) == (2, "INVALID_REQUEST")


def test_watch_as_lines_is_every_event_and_nothing_else(flowray: Command, workflow_file: Write) -> None:
    started = flowray("submit", workflow_file(GREET), "-i", "name=Ada").data["id"]
    outcome = flowray("watch", started, "-o", "jsonl")
    assert [event["seq"] for event in outcome.lines] == list(range(1, len(outcome.lines) + 1))
    assert outcome.lines[-1]["type"] == "execution.completed"
    assert outcome.err == ""
    assert flowray("watch", started, "-o", "jsonl", "--after", "3").lines[0]["seq"] == 4


def test_a_failed_execution_exits_with_1(flowray: Command, workflow_file: Write) -> None:
    outcome = flowray("submit", workflow_file(FAILING), "--watch", "-o", "json")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.error["code"] == "UNKNOWN_NODE_TYPE"


def test_logs_has_a_row_per_attempt(flowray: Command, workflow_file: Write) -> None:
    started = flowray("submit", workflow_file(GREET), "-i", "name=Ada", "--watch", "--full").data["id"]
    rows = flowray("logs", started, "-o", "jsonl").lines
    assert [(row["instance"], row["status"]) for row in rows] == [("start", "completed"), ("done", "completed")]
    assert [row["instance"] for row in flowray("logs", started, "--node", "done", "-o", "json").data] == ["done"]


def test_cancel_stops_and_a_second_cancel_changes_nothing(flowray: Command, workflow_file: Write) -> None:
    started = flowray("submit", workflow_file(WAITING)).data["id"]
    assert flowray("cancel", started, "--reason", "wrong customer").code == 0
    watched = flowray("watch", started)
    assert watched.code == 130
    assert "wrong customer" in watched.err
    assert flowray("cancel", started).data["status"] == "cancelled"


def test_what_is_not_there_is_5(flowray: Command) -> None:
    for command in ("watch", "logs", "cancel"):
        outcome = flowray(command, "no-such-execution", "-o", "json")
        assert (outcome.code, outcome.error["code"]) == (5, "NOT_FOUND"), command


def test_a_file_that_is_not_there_is_not_taken_for_an_id(flowray: Command) -> None:
    outcome = flowray("submit", "absent.json")
    assert outcome.code == 2
    assert "cannot read absent.json" in outcome.err
