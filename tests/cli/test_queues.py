"""``flowray queues`` against a server on loopback."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("server_url")


def test_limits_are_set_shown_and_lifted(flowray: Command) -> None:
    changed = flowray("queues", "set", "mail", "--max-concurrent", "2", "--max-per-key", "1").data
    assert (changed["max_concurrent"], changed["max_per_key"], changed["overridden"]) == (2, 1, True)
    assert flowray("queues", "set", "mail", "--max-per-key", "none").data["max_per_key"] is None
    assert flowray("queues", "get", "mail").data["max_concurrent"] == 2
    [row] = [found for found in flowray("queues", "list", "-o", "json").data if found["name"] == "mail"]
    assert (row["max_concurrent"], row["running"], row["waiting"]) == (2, 0, 0)
    assert flowray("queues", "set", "mail", "--declared").data["overridden"] is False


def test_a_queue_is_paused_and_resumed(flowray: Command) -> None:
    assert flowray("queues", "pause", "mail").data["paused"] is True
    assert flowray("queues", "resume", "mail").data["paused"] is False


def test_what_is_wrong_is_said(flowray: Command) -> None:
    assert flowray("queues", "get", "nowhere", "-o", "json").error["code"] == "NOT_FOUND"
    assert flowray("queues", "set", "mail", "-o", "json").error["code"] == "INVALID_REQUEST"
    wrong = flowray("queues", "set", "mail", "--max-concurrent", "many", "-o", "json")
    assert (wrong.code, wrong.error["code"]) == (2, "INVALID_REQUEST")
