"""One canonical config per type, whatever spelling a real file has."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.dialects.flowmaestro_configs import CONFIGS


class Notes:
    """Keeps the keys that were reported."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, str]] = []

    def changed(self, key: str, message: str) -> None:
        self.keys.append(("changed", key))

    def inferred(self, key: str, message: str) -> None:
        self.keys.append(("inferred", key))

    def unsupported(self, key: str, message: str, hint: str | None = None) -> None:
        self.keys.append(("unsupported", key))


def _canonical(kind: str, config: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    notes = Notes()
    return CONFIGS[kind](dict(config), notes), notes.keys


@pytest.mark.parametrize(
    ("config", "duration"),
    [
        ({"duration": 200}, 200),
        ({"duration": 300000}, 300_000),
        ({"duration": 3600}, 3_600_000),
        ({"duration": 259200, "waitType": "duration"}, 259_200_000),
        ({"duration": 604800000}, 604_800_000),
        ({"duration": 15, "unit": "minutes"}, 900_000),
        ({"duration": 3, "unit": "days"}, 259_200_000),
        ({"durationValue": 2, "durationUnit": "hours"}, 7_200_000),
        ({"durationValue": 2}, 2_000),
        ({"delayType": "fixed", "duration": 43200000}, 43_200_000),
        ({"duration": "{{backoff.delay}}"}, "{{backoff.delay}}"),
    ],
)
def test_waits_are_in_milliseconds(config: dict[str, Any], duration: Any) -> None:
    assert _canonical("wait", config)[0] == {"waitType": "duration", "duration": duration}


def test_seconds_are_reported_as_a_guess() -> None:
    assert _canonical("wait", {"duration": 86400})[1] == [("inferred", "duration")]


def test_waits_for_webhooks_and_times() -> None:
    assert _canonical("wait", {"waitType": "webhook", "timeout": 172800000})[0] == {
        "waitType": "webhook",
        "timeoutMs": 172_800_000,
    }
    webhook = {"waitType": "webhook", "duration": 86400, "durationUnit": "seconds"}
    assert _canonical("wait", webhook)[0]["timeoutMs"] == 86_400_000
    given = {"triggerType": "webhook", "provider": "docusign", "event": "done"}
    assert _canonical("wait", given)[0] == {"waitType": "webhook", "provider": "docusign", "event": "done"}
    assert _canonical("wait", {"untilDate": "2030-01-01"})[0] == {"waitType": "until", "timestamp": "2030-01-01"}
    assert ("unsupported", "timestamp") in _canonical("wait", {"waitType": "until"})[1]
    assert ("unsupported", "unit") in _canonical("wait", {"duration": 1, "unit": "moons"})[1]


@pytest.mark.parametrize(("timeout", "milliseconds"), [(30, 30_000), (300, 300_000), (15000, 15_000)])
def test_http_timeouts_up_to_300_are_seconds(timeout: int, milliseconds: int) -> None:
    assert _canonical("http", {"timeout": timeout})[0] == {"timeoutMs": milliseconds}


def test_http_pairs_and_retries() -> None:
    config = {"headers": {"A": "1"}, "queryParams": [{"key": "q", "value": 2}], "retries": 3}
    assert _canonical("http", config)[0] == {
        "headers": [{"key": "A", "value": "1"}],
        "queryParams": [{"key": "q", "value": 2}],
        "retryCount": 3,
    }


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        ("input", {"inputVariable": "x"}, {"inputName": "x"}),
        ("input", {"inputName": "x", "inputVariable": "x"}, {"inputName": "x"}),
        ("output", {"outputVariable": "r", "fields": ["a"]}, {"outputName": "r", "fields": ["a"]}),
        ("trigger", {"triggerType": "cron", "webhookProvider": "box"}, {"triggerType": "schedule", "provider": "box"}),
        ("transform", {"transformType": "parseJson"}, {"operation": "parseJSON"}),
        ("transform", {"operation": "template", "expression": "{{a}}"}, {"operation": "template", "template": "{{a}}"}),
        ("conditional", {"condition": "a > 1"}, {"expression": "a > 1"}),
        ("conditional", {"conditionType": "expression", "expression": "a"}, {"expression": "a"}),
        ("llm", {"prompt": "p", "outputFormat": "json"}, {"prompt": "p", "responseFormat": "json"}),
        ("loop", {"collection": "{{xs}}"}, {"arrayPath": "{{xs}}", "loopType": "forEach"}),
        ("loop", {"count": 3, "iterationVariable": "x"}, {"count": 3, "itemVariable": "x", "loopType": "count"}),
        ("loop", {"iterateOver": "xs"}, {"arrayPath": "xs", "loopType": "forEach"}),
        ("loop", {"condition": "a < 3"}, {"condition": "a < 3", "loopType": "while"}),
    ],
)  # fmt: skip
def test_spellings(kind: str, config: dict[str, Any], expected: dict[str, Any]) -> None:
    assert _canonical(kind, config)[0] == expected


def test_canonical_configs_stay_and_are_not_reported() -> None:
    for kind, config in (
        ("wait", {"waitType": "duration", "duration": 250}),
        ("http", {"url": "u", "headers": [{"key": "a", "value": "b"}], "timeoutMs": 5}),
        ("transform", {"operation": "map", "inputData": "{{x}}", "expression": "$"}),
        ("loop", {"loopType": "count", "count": 3}),
    ):
        assert _canonical(kind, config) == (config, [])
