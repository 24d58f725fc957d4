"""Configs of triggers, and the spellings of trigger nodes in real files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from flowray.triggers.configs import (
    EventConfig,
    ManualConfig,
    ScheduleConfig,
    TriggerKind,
    WebhookConfig,
    parse_config,
    trigger_of_node,
)
from tests.corpus import CORPUS


def test_what_is_kept_leaves_defaults_out_and_is_read_again() -> None:
    config = parse_config(TriggerKind.SCHEDULE, {"cron": "@hourly", "overlap": "skip", "catch_up": "none"})
    assert config.stored() == {"cron": "0 * * * *", "overlap": "skip", "catchUp": "none"}
    assert parse_config(TriggerKind.SCHEDULE, config.stored()) == config
    assert parse_config(TriggerKind.MANUAL, {}) == ManualConfig()


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("schedule", {"cron": "* * * * *", "every": "1m"}, "exactly one"),
        ("schedule", {"every": "1ms"}, "at least 1s"),
        ("webhook", {"timestampHeader": "X-T"}, "belongs to auth"),
        ("webhook", {"waitMs": 60_001}, "less than or equal"),
        ("event", {"event": "a", "filter": "while(1)"}, "filter"), ("manual", {"cron": "x"}, "Extra inputs"),
    ],
)  # fmt: skip
def test_what_does_not_fit(kind: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        parse_config(TriggerKind(kind), config)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ManualConfig()),
        ({"triggerType": "cron", "schedule": "0 9 * * 1-5", "timezone": "America/New_York", "label": "x"},
         ScheduleConfig(cron="0 9 * * 1-5", timezone="America/New_York")),
        ({"triggerType": "schedule", "schedule": {"cronExpression": "0 6 * * *", "timezone": "UTC"}},
         ScheduleConfig(cron="0 6 * * *")),
        ({"every": "5m"}, ScheduleConfig(every="5m")),
        ({"triggerType": "webhook", "webhookProvider": "shopify", "event": "cart"}, WebhookConfig()),
        ({"triggerType": "webhook", "method": "any", "authType": "bearer", "allowedOrigins": "https://a, https://b"},
         WebhookConfig(methods=("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"), auth="bearer",
                       allowed_origins=("https://a", "https://b"))),
        ({"trigger_type": "webhook", "requireSignature": True, "signatureHeader": "X-S"},
         WebhookConfig(auth="hmac", header="X-S")),
        ({"triggerType": "event", "eventType": "order.created"}, EventConfig(event="order.created")),
    ],
)  # fmt: skip
def test_spellings_of_nodes(config: dict[str, Any], expected: Any) -> None:
    assert trigger_of_node(config).config == expected


@pytest.mark.parametrize(
    "config",
    [{"triggerType": "telepathy"}, {"triggerType": "schedule"}, {"triggerType": "event"}, {"inputMapping": "x"}],
)
def test_nodes_that_make_no_trigger(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        trigger_of_node(config)


@pytest.mark.skipif(CORPUS is None, reason="the corpus is not beside the project")
def test_every_trigger_node_of_the_corpus_makes_a_trigger() -> None:
    assert CORPUS is not None
    kinds: dict[TriggerKind, int] = {}

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("type") == "trigger" and isinstance(value.get("config"), dict):
                kind = trigger_of_node(value["config"]).kind
                kinds[kind] = kinds.get(kind, 0) + 1
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    for path in CORPUS.rglob("*.json"):
        walk(json.loads(path.read_text(encoding="utf-8")))
    assert kinds == {TriggerKind.WEBHOOK: 66, TriggerKind.SCHEDULE: 46, TriggerKind.MANUAL: 15}
