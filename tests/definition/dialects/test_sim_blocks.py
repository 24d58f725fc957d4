"""SIM's blocks as configs of nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowray.definition.loading import LoadResult
from tests.definition.dialects.sim_documents import block, config_of, found, load


def alone(kind: str, **fields: Any) -> LoadResult:
    return load({"s": block("start_trigger", "Start"), "x": block(kind, "X", **fields)}, "s -> x")


def config(kind: str, **fields: Any) -> dict[str, Any]:
    return config_of(alone(kind, **fields), "x")


def test_a_condition_is_a_list_of_rules_that_its_else_ends() -> None:
    rules = [
        {"id": "x-if", "title": "if", "value": "<start.n> > 1"},
        {"id": "x-else", "title": " Else ", "value": ""},
        {"id": "x-more", "title": "else if", "value": "true"},
    ]
    assert config("condition", conditions=json.dumps(rules)) == {
        "conditions": [{"name": "x-if", "expression": "{{s.n}} > 1"}],
        "defaultOutput": "x-else",
    }


def test_context_in_a_rule_is_the_output_of_the_block_before() -> None:
    rules = [{"id": "if", "title": "if", "value": "context.score > 5 && 'context.x' !== a.context.y"}]
    expression = config("condition", conditions=rules)["conditions"][0]["expression"]
    assert expression == "{{s}}.score > 5 && 'context.x' !== a.context.y"


def test_an_agent_without_tools_is_a_call_of_a_model() -> None:
    messages = '[{"role": "user", "content": "Hi <start.name>"}]'
    result = alone(
        "agent", model="claude-sonnet-4-5", temperature="0.5", messages=messages,
        responseFormat='{"name": "r", "schema": {"type": "object"}}', memoryType="none", apiKey="{{KEY}}",
    )  # fmt: skip
    assert result.require().nodes["x"].type == "llm"
    assert config_of(result, "x") == {
        "apiKey": "{{env.KEY}}",
        "model": "claude-sonnet-4-5",
        "provider": "anthropic",
        "temperature": 0.5,
        "messages": [{"role": "user", "content": "Hi {{s.name ?? ''}}"}],
        "outputSchema": {"type": "object"},
    }


def test_the_content_of_an_agent_is_the_text_of_a_model() -> None:
    blocks = {"a": block("agent", "Agent", userPrompt="Hi"), "x": block("slack", "X", text="<agent.content>")}
    assert config_of(load(blocks, "a -> x"), "x")["text"] == "{{a.text}}"


def test_an_api_block_fails_on_an_error_status() -> None:
    rows = [{"id": "1", "cells": {"Key": "A", "Value": "<start.a>"}}, {"id": "2", "cells": {"Key": "", "Value": ""}}]
    assert config(
        "api", url="https://x/<start.id>", method="post", headers=rows, body='{"a": <start.a>}', timeout="500"
    ) == {
        "url": "https://x/{{s.id ?? ''}}",
        "method": "POST",
        "failOnStatus": True,
        "headers": [{"key": "A", "value": "{{s.a}}"}],
        "body": {"a": "{{s.a}}"},
        "bodyType": "json",
        "timeoutMs": 500,
    }


@pytest.mark.parametrize(
    ("fields", "cron"),
    [
        ({"scheduleType": "minutes", "minutesInterval": "5"}, "*/5 * * * *"),
        ({"scheduleType": "hourly", "hourlyMinute": "7"}, "7 * * * *"),
        ({"scheduleType": "daily", "dailyTime": "08:30"}, "30 8 * * *"),
        ({"scheduleType": "weekly", "weeklyDay": "FRI", "weeklyDayTime": "06:00"}, "0 6 * * 5"),
        ({"scheduleType": "monthly", "monthlyDay": "3", "monthlyTime": "1:05"}, "5 1 3 * *"),
        ({"scheduleType": "custom", "cronExpression": "1 2 3 4 5"}, "1 2 3 4 5"),
    ],
)
def test_a_schedule_is_a_cron_expression(fields: dict[str, str], cron: str) -> None:
    result = load({"x": block("schedule", "X", **fields)})
    assert result.require().nodes["x"].type == "trigger"
    assert (config_of(result, "x")["triggerType"], config_of(result, "x")["schedule"]) == ("schedule", cron)


def test_a_schedule_of_an_unknown_kind_is_reported() -> None:
    result = load({"x": block("schedule", "X", scheduleType="lunar")})
    assert found(result) == [("DIALECT_UNSUPPORTED", "/state/blocks/x/subBlocks/scheduleType/value")]


@pytest.mark.parametrize(
    ("fields", "milliseconds"),
    [
        ({"timeValue": "3", "timeUnit": "seconds"}, 3_000),
        ({"timeValue": "2", "async": True, "timeUnitLong": "days"}, 172_800_000),
    ],
)
def test_both_kinds_of_wait_are_one(fields: dict[str, Any], milliseconds: int) -> None:
    assert config("wait", **fields) == {"waitType": "duration", "duration": milliseconds}


def test_a_response_by_rows_keeps_their_types() -> None:
    rows = [
        {"id": "1", "name": "n", "type": "number", "value": "5"},
        {"name": "l", "type": "array", "value": "<start.l>"},
    ]
    assert config("response", dataMode="structured", builderData=rows, status="201") == {
        "status": 201,
        "fields": [
            {"name": "n", "type": "number", "value": "5"},
            {"name": "l", "type": "array", "value": "{{s.l}}"},
        ],
    }


def test_a_routers_routes_are_named_by_their_ids() -> None:
    routes = json.dumps([{"id": "r1", "title": "One", "value": "about one"}])
    result = load(
        {"x": block("router_v2", "X", context="Which?", routes=routes), "a": block("slack", "A")}, "x router-r1-> a"
    )
    assert config_of(result, "x")["routes"] == [{"value": "r1", "label": "One", "description": "about one"}]
    assert result.require().edges[0].source_handle == "r1"


def test_an_old_router_chooses_among_what_follows_it() -> None:
    blocks = {"x": block("router", "X", prompt="Which?"), "a": block("slack", "A"), "b": block("slack", "B")}
    result = load(blocks, "x router-a-> a", "x -> b")
    assert [route["value"] for route in config_of(result, "x")["routes"]] == ["a", "b"]
    assert [edge.source_handle for edge in result.require().edges] == ["a", "b"]


def test_sub_workflows_and_people() -> None:
    assert config("workflow", workflowId="w1", inputMapping='{"a": "<start.a>"}') == {
        "workflowId": "w1", "inputs": {"a": "{{s.a ?? '' | string}}"}, "outputKey": "result",
    }  # fmt: skip
    assert config("human_in_the_loop", inputFormat=[{"name": "ok", "type": "boolean"}], operation="human") == {
        "fields": [{"name": "ok", "type": "boolean"}]
    }


def test_assignments_of_a_variables_block() -> None:
    entries = [{"variableName": "n", "type": "number", "value": "<start.n>"}]
    assert config("variables", variables=entries) == {
        "assignments": [{"variableName": "n", "valueType": "number", "value": "{{s.n}}"}]
    }


def test_an_integration_keeps_type_and_fields_and_is_reported() -> None:
    result = alone("slack", channel="#x", text="<start.a>")
    assert result.require().nodes["x"].type == "slack"
    assert config_of(result, "x") == {"channel": "#x", "text": "{{s.a}}"}
    assert found(result) == [("DIALECT_UNSUPPORTED", "/state/blocks/x")]


@pytest.mark.parametrize(
    ("retry", "attempts", "delay"),
    [
        ({"enabled": True, "maxTries": 99, "waitBetweenTriesMs": 10_000_000}, 5, 5_000),
        ({"enabled": True, "maxTries": -4, "waitBetweenTriesMs": -1}, 2, 0),
        ({"enabled": True}, 3, 1_000),
    ],
)
def test_retries_are_within_sims_bounds(retry: dict[str, Any], attempts: int, delay: int) -> None:
    policy = alone("function", retry=retry).require().nodes["x"].retry
    assert policy is not None
    assert (policy.max_attempts, policy.initial_delay_ms, policy.factor) == (attempts, delay, 1.0)
    assert "NODE_FAILED" in (policy.codes or ())
    assert alone("function", retry={"enabled": False}).require().nodes["x"].retry is None
