"""flowray callbacks against a server on loopback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowray.runtime.callback_bodies import derived_secret
from tests.cli.conftest import Command

QUICK: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "quick",
    "entryPoint": "start",
    "nodes": {"start": {"type": "input", "config": {}}},
    "edges": [],
}


@pytest.mark.usefixtures("server_url")
def test_nothing_to_tell_is_an_empty_list_and_an_unknown_one_an_error(flowray: Command) -> None:
    assert flowray("callbacks", "list", "--status", "given_up", "-o", "json").data == []
    assert flowray("callbacks", "redeliver", "cb_none_1", "-o", "json").error["code"] == "NOT_FOUND"


@pytest.mark.usefixtures("server_url")
def test_a_submitted_workflow_may_call_back(flowray: Command, workflow_file: Callable[..., Path]) -> None:
    started = flowray("submit", workflow_file(QUICK), "--callback", "http://127.0.0.1:9/hook", "--watch", "-o", "json")
    assert started.code == 0
    [row] = [row for row in flowray("callbacks", "list", "-o", "json").data if row["url"] == "http://127.0.0.1:9/hook"]
    assert row["event"] == "execution.completed"
    refused = flowray("submit", workflow_file(QUICK), "--callback", "mailto:me", "-o", "json")
    assert refused.error["code"] == "INVALID_REQUEST"


def test_the_secret_is_derived_from_the_signing_key(
    flowray: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOWRAY_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("FLOWRAY_SIGNING_KEY", "the key of the server")
    assert flowray("callbacks", "secret", "-o", "json").data == {"secret": derived_secret("the key of the server")}
