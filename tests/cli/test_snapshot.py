"""snapshot export and import against a server on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_waiting import ASKING, paused

Write = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("server_url")


def test_an_execution_is_written_to_a_file_and_known_again(
    flowray: Command, workflow_file: Write, tmp_path: Path
) -> None:
    its_id = paused(flowray, workflow_file)
    file = tmp_path / "stuck.json"
    written = flowray("snapshot", "export", its_id, "-o", str(file)).data
    assert written == {"id": its_id, "status": "paused", "file": str(file)}
    document = json.loads(file.read_text())
    assert (document["format"], document["snapshot"]["execution_id"]) == ("flowray.execution", its_id)
    assert flowray("snapshot", "import", str(file)).data == {"id": its_id, "status": "paused"}
    assert flowray("snapshot", "export", its_id).data["execution"]["id"] == its_id


def test_what_cannot_be_exported_or_imported_says_why(flowray: Command, tmp_path: Path) -> None:
    outcome = flowray("snapshot", "export", "nobody", "--format", "json")
    assert (outcome.code != 0, outcome.error["code"]) == (True, "NOT_FOUND")
    file = tmp_path / "no.json"
    for text, code in (("{", "INVALID_REQUEST"), ("[]", "INVALID_REQUEST"), ("{}", "INVALID_REQUEST")):
        file.write_text(text)
        outcome = flowray("snapshot", "import", str(file), "--format", "json")
        assert (outcome.code != 0, outcome.error["code"]) == (True, code)


def test_the_workflow_of_these_tests_asks() -> None:
    assert ASKING["nodes"]["ask"]["type"] == "pause"
