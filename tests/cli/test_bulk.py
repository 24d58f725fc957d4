"""cancel and rerun with --filter, against a server on loopback; and how filters are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowray.cli.bulk import one_or_many
from flowray.errors import FlowrayError
from tests.cli.conftest import FAILING, Command
from tests.cli.test_waiting import paused

Write = Callable[..., Path]


def test_one_execution_or_many() -> None:
    assert one_or_many("e1", None, False) is None
    assert one_or_many(None, ["id=1"], True) == {"ids": ["1"]}
    for execution, filters, dry_run in ((None, None, False), ("e1", ["id=1"], False), ("e1", None, True)):
        with pytest.raises(FlowrayError):
            one_or_many(execution, filters, dry_run)


@pytest.mark.usefixtures("server_url")
def test_many_are_listed_and_cancelled(flowray: Command, workflow_file: Write) -> None:
    ids = [paused(flowray, workflow_file) for _ in range(2)]
    wanted = ("--filter", f"id={','.join(ids)}")
    rows = flowray("cancel", *wanted, "--dry-run", "-o", "json").data
    assert {row["id"] for row in rows} == set(ids)
    assert {row["outcome"] for row in rows} == {"would"}
    rows = flowray("cancel", *wanted, "--reason", "enough", "-o", "json").data
    assert {row["outcome"] for row in rows} == {"cancelling"}
    for its_id in ids:
        assert flowray("watch", its_id, "--full").data["cancel_reason"] == "enough"


@pytest.mark.usefixtures("server_url")
def test_many_are_run_again(flowray: Command, workflow_file: Write) -> None:
    its_id = flowray("submit", workflow_file(FAILING)).data["id"]
    flowray("watch", its_id)
    [row] = flowray("rerun", "--filter", f"id={its_id}", "--failed", "-o", "json").data
    assert (row["id"], row["outcome"]) == (its_id, "started")
    assert flowray("watch", row["started"], "--full").data["rerun_of"] == its_id
    outcome = flowray("rerun", "-o", "json")
    assert outcome.code != 0
