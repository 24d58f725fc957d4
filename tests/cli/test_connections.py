"""flowray connections against a server on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray.persistence.connections.sealing import Sealer
from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("server_url")


def test_a_connection_is_made_shown_tried_and_removed(flowray: Command, tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text("very-secret-token\n")
    added = flowray(
        "connections", "add", "team", "--provider", "slack", "--field", "base_url=http://x", "--secret",
        f"token=@{file}", "-o", "json",
    )  # fmt: skip
    assert (added.data["name"], added.data["kind"], added.data["fields"]) == (
        "team",
        "bearer",
        {"base_url": "http://x"},
    )
    assert "very-secret" not in added.out + added.err
    [row] = [row for row in flowray("connections", "list", "-o", "json").data if row["name"] == "team"]
    assert row["secret_names"] == ["token"]
    assert flowray("connections", "show", "team", "-o", "json").data["provider"] == "slack"
    assert flowray("connections", "test", "team", "-o", "json").data["ok"] is True
    assert flowray("connections", "remove", "team", "-o", "json").data == {"deleted": "team"}
    assert flowray("connections", "show", "team", "-o", "json").error["code"] == "NOT_FOUND"


def test_what_is_no_pair_is_refused(flowray: Command) -> None:
    assert flowray("connections", "add", "x", "--secret", "token", "-o", "json").error["code"] == "INVALID_REQUEST"


def test_a_new_key_is_printed(flowray: Command) -> None:
    key = flowray("connections", "key", "-o", "json").data["key"]
    assert Sealer([key])
