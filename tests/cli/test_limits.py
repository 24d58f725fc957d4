"""flowray limits against a server on loopback."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("server_url")


def test_a_limit_is_set_shown_and_deleted(flowray: Command) -> None:
    made = flowray("limits", "set", "openai", "--rpm", "60", "--concurrency", "2", "-o", "json").data
    assert (made["name"], made["rpm"], made["tpm"], made["concurrency"]) == ("openai", 60, None, 2)
    [row] = [row for row in flowray("limits", "list", "-o", "json").data if row["name"] == "openai"]
    assert (row["used"], row["waiting"]) == (0, 0)
    assert flowray("limits", "get", "openai", "-o", "json").data["uses"] == []
    assert flowray("limits", "delete", "openai", "-o", "json").data == {"deleted": "openai"}
    gone = flowray("limits", "get", "openai", "-o", "json")
    assert gone.error["code"] == "NOT_FOUND"
