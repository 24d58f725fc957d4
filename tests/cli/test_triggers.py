"""triggers against a server on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowray.client.sync_client import Client
from tests.cli.conftest import GREET, Command

Write = Callable[..., Path]

TRIGGERED: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "triggered",
    "nodes": {"start": {"type": "trigger", "config": {"every": "1h"}}},
    "edges": [],
}


@pytest.fixture
def saved(server_url: str) -> Callable[[dict[str, Any]], str]:
    def save(definition: dict[str, Any]) -> str:
        with Client(server_url) as client:
            return client.workflows.create(definition).id

    return save


def test_a_trigger_is_set_up_fired_and_deleted(flowray: Command, saved: Callable[[dict[str, Any]], str]) -> None:
    workflow = saved(GREET)
    made = flowray(
        "triggers", "create", workflow, "event", "--set", "event=order", "--set", "filter=data.total > 100",
        "--map", "name={{data.who}}", "--name", "Orders",
    ).data  # fmt: skip
    assert (made["config"], made["input_mapping"]) == (
        {"event": "order", "filter": "data.total > 100"}, {"name": "{{data.who}}"},
    )  # fmt: skip
    [row] = flowray("triggers", "list", "--kind", "event", "-o", "json").data
    assert (row["id"], row["name"]) == (made["id"], "Orders")
    assert flowray("triggers", "event", "order", "--data", '{"total": 1}').data["fired"] == []
    sent = flowray("triggers", "event", "order", "--data", '{"total": 200, "who": "Ada"}', "--key", "k").data
    assert flowray("watch", sent["fired"][0]["execution_id"]).data == {"greeting": "hi Ada"}
    assert flowray("triggers", "disable", made["id"]).data["enabled"] is False
    refused = flowray("triggers", "execute", made["id"], "-o", "json")
    assert (refused.code, refused.error["code"]) != (0, None)
    tried = flowray("triggers", "test", made["id"], "--payload", '{"data": {"who": "Bob"}}').data
    assert flowray("watch", tried["id"]).data == {"greeting": "hi Bob"}
    assert flowray("triggers", "enable", made["id"]).data["enabled"] is True
    rows = flowray("triggers", "history", made["id"], "-o", "json").data
    assert [found["status"] for found in rows] == ["started", "started"]
    assert flowray("triggers", "get", made["id"]).data["last_fired_at"] is not None
    assert flowray("triggers", "delete", made["id"]).data == {"id": made["id"], "deleted": True}
    assert flowray("triggers", "get", made["id"], "-o", "json").error["code"] == "NOT_FOUND"


def test_a_workflow_is_published(flowray: Command, saved: Callable[[dict[str, Any]], str]) -> None:
    workflow = saved(TRIGGERED)
    assert [row["enabled"] for row in flowray("triggers", "publish", workflow).data["triggers"]] == [True]
    assert flowray("triggers", "publish", workflow, "--off").data["published"] is False


@pytest.mark.parametrize(
    "args", [("create", "w", "manual", "--set", "x"), ("create", "w", "manual", "--map", "=1"),
             ("test", "t", "--payload", "[1]"),
             ("test", "t", "--payload", "@no-such-file"), ("event", "e", "--data", "@no-such-file")]
)  # fmt: skip
@pytest.mark.usefixtures("server_url")
def test_slips_are_named(flowray: Command, args: tuple[str, ...]) -> None:
    outcome = flowray("triggers", *args, "-o", "json")
    assert (outcome.code, outcome.error["code"]) == (2, "INVALID_REQUEST")
