"""Nodes for services and triggers: names in flowray's spelling."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.dialects.n8n.apps import kebab, provider_of
from tests.definition.dialects.n8n.drawing import config, imported, messages, node


def test_names_of_providers() -> None:
    assert kebab("googleSheets") == "google-sheets"
    found = [provider_of(kind) for kind in ("mondayCom", "gmailTrigger", "airtableTool")]
    assert found == ["monday", "gmail", "airtable"]


@pytest.mark.parametrize(
    ("kind", "given", "operation"),
    [
        ("telegram", {}, "sendMessage"),
        ("slack", {"text": "x"}, "sendMessage"),
        ("googleSheets", {"operation": "append"}, "appendRow"),
        ("gmail", {"operation": "addLabels"}, "addLabels"),
        ("jira", {"resource": "issueComment", "operation": "add"}, "addComment"),
        ("supabase", {"operation": "getAll"}, "listRows"),
    ],
)
def test_operations(kind: str, given: dict[str, Any], operation: str) -> None:
    drawn = {**node("x", kind, **given), "credentials": {"api": {"id": "1", "name": "Mine"}}}
    found = config(imported(node("start", "manualTrigger"), drawn, start=[["x"]]), "x")
    assert (found["operation"], found["connection"]) == (operation, "Mine")
    assert "operation" not in found["parameters"]


@pytest.mark.parametrize(
    ("rule", "cron"),
    [
        ({"field": "minutes", "minutesInterval": 10}, "*/10 * * * *"),
        ({"field": "hours"}, "0 */1 * * *"),
        ({"triggerAtHour": 6, "triggerAtMinute": 30}, "30 6 * * *"),
        ({"field": "weeks", "triggerAtDay": [1, 3], "triggerAtHour": 8}, "0 8 * * 1,3"),
        ({"field": "cronExpression", "expression": "0 9 * * 1"}, "0 9 * * 1"),
    ],
)
def test_schedules_are_cron_lines(rule: dict[str, Any], cron: str) -> None:
    result = imported(node("x", "scheduleTrigger", rule={"interval": [rule]}), node("y", "noOp"), x=[["y"]])
    assert config(result, "x") == {"triggerType": "schedule", "cron": cron}


def test_a_trigger_of_a_service_is_a_webhook_and_says_so() -> None:
    result = imported(node("x", "gmailTrigger"), node("y", "noOp"), x=[["y"]])
    assert (config(result, "x")["triggerType"], config(result, "x")["provider"]) == ("webhook", "gmail")
    assert "gmailTrigger is a webhook here: nobody asks gmail for news." in messages(result)
