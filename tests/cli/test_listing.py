"""The command list, against a server on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import FAILING, GREET, Command

Write = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("server_url")


def test_executions_are_listed_by_the_filters_of_bulk_calls(flowray: Command, workflow_file: Write) -> None:
    batch = [flowray("submit", workflow_file(GREET), "-i", f"name={name}").data["id"] for name in "ab"]
    failing = flowray("submit", workflow_file(FAILING)).data["id"]
    for its_id in (*batch, failing):
        flowray("watch", its_id)
    mine = ("--filter", f"id={','.join([*batch, failing])}")
    assert {row["id"] for row in flowray("list", *mine, "-o", "json").data} == {*batch, failing}
    rows = flowray("list", *mine, "--filter", "status=failed", "-o", "jsonl").lines
    assert [(row["id"], row["status"]) for row in rows] == [(failing, "failed")]
    assert flowray("list", "--filter", "created_before=2020-01-01", "-o", "json").data == []
    assert len(flowray("list", "--limit", "2", "-o", "json").data) == 2
    assert flowray("list", "--filter", "label.team=nobody", "-o", "json").data == []
    assert flowray("list", *mine).out.splitlines()[0].split("\t")[:2] == ["id", "status"]
    assert flowray("list", "--filter", "team=a", "-o", "json").error["code"] == "INVALID_REQUEST"
