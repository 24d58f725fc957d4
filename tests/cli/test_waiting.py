"""pause, resume and waitpoints against a server on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import WAITING, Command

Write = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("server_url")

ASKING: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "asking",
    "entryPoint": "start",
    "nodes": {
        "start": {"type": "input", "config": {}},
        "ask": {"type": "pause", "config": {"prompt": "Go?", "expectedInput": {"type": "object"}}},
        "done": {"type": "output", "config": {"outputName": "answer", "value": "{{ask.ok}}{{var.more}}"}},
    },
    "edges": [{"source": "start", "target": "ask"}, {"source": "ask", "target": "done"}],
}


def paused(flowray: Command, workflow_file: Write) -> str:
    started = flowray("submit", workflow_file(ASKING)).data["id"]
    outcome = flowray("watch", started)
    assert (outcome.code, outcome.data["status"]) == (0, "paused")
    return str(started)


def test_what_waits_is_listed_and_answered_by_its_token(flowray: Command, workflow_file: Write) -> None:
    its_id = paused(flowray, workflow_file)
    [row] = flowray("waitpoints", "list", "--execution", its_id, "-o", "json").data
    assert (row["prompt"], row["status"], row["node_id"]) == ("Go?", "open", "ask")
    wrong = flowray("waitpoints", "complete", row["token"], "--data", "yes", "-o", "json")
    assert (wrong.code, wrong.error["code"]) == (2, "INVALID_INPUT")
    kept = flowray("waitpoints", "complete", row["token"], "--data", '{"ok": "yes"}').data
    assert kept == {"status": "completed", "already_completed": False, "data": {"ok": "yes"}}
    assert flowray("waitpoints", "complete", row["token"]).data["already_completed"] is True
    assert flowray("watch", its_id).data == {"answer": "yes{{var.more}}"}
    assert flowray("waitpoints", "list", "--execution", its_id, "-o", "json").data == []
    rows = flowray("waitpoints", "list", "--execution", its_id, "--status", "all", "-o", "json").data
    assert [found["status"] for found in rows] == ["completed"]


def test_resume_answers_what_it_waits_for(flowray: Command, workflow_file: Write, tmp_path: Path) -> None:
    its_id = paused(flowray, workflow_file)
    answer = tmp_path / "answer.json"
    answer.write_text('{"ok": 1}')
    assert flowray("resume", its_id, "--data", f"@{answer}", "--set", "more=2").code == 0
    assert flowray("watch", its_id).data == {"answer": "12"}
    outcome = flowray("resume", its_id, "-o", "json")
    assert outcome.error["code"] == "EXECUTION_ENDED"


def test_a_waitpoint_is_named_by_its_id(flowray: Command, workflow_file: Write) -> None:
    its_id = paused(flowray, workflow_file)
    missing = flowray("resume", its_id, "--waitpoint", "nothing", "-o", "json")
    assert (missing.code, missing.error["code"]) == (5, "NOT_FOUND")
    assert flowray("resume", its_id, "--waitpoint", f"{its_id}:ask#1", "-d", '{"ok": 1}').code == 0
    assert flowray("watch", its_id).code == 0


def test_pause_and_resume_on_request(flowray: Command, workflow_file: Write) -> None:
    its_id = flowray("submit", workflow_file(WAITING)).data["id"]
    assert flowray("pause", its_id, "--reason", "coffee").code == 0
    outcome = flowray("watch", its_id)
    assert (outcome.code, outcome.data["status"]) == (0, "paused")
    assert flowray("pause", its_id).data["status"] == "paused"
    assert flowray("resume", its_id).code == 0
    assert flowray("cancel", its_id).code == 0


def test_what_is_no_answer(flowray: Command, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert flowray("waitpoints", "complete", "wp_1", "--data", f"@{broken}").code == 2
    assert flowray("resume", "x", "--set", "novalue").code == 2
    assert flowray("waitpoints", "complete", "wp_1", "-o", "json").error["code"] == "NOT_FOUND"
