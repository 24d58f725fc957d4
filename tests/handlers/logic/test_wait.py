"""The wait node: durations, times, skips. It asks, it never sleeps."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import Pause
from flowray.engine.waitpoint_sources import of_token
from tests.fakes.services import NOW_MS
from tests.handlers.running import fail, succeed


@pytest.mark.parametrize(
    ("config", "ms"),
    [
        ({"duration": 200}, 200),
        ({"durationValue": 2, "durationUnit": "minutes"}, 120_000),
        ({"durationValue": 1.5}, 1_500),
        ({"duration": 1, "unit": "hours"}, 3_600_000),
        ({"delayType": "fixed", "duration": 86_400_000}, 86_400_000),
        ({"duration": "1h30m"}, 5_400_000),
        ({"duration": "{{n}}"}, 7),
        ({"waitType": "until", "timestamp": "2025-06-15T17:06:41+02:00"}, 1_000),
        ({"waitType": "until", "timestamp": "2025-06-15T17:06:41", "timezone": "Europe/Paris"}, 1_000),
        ({"untilDate": NOW_MS + 5}, 5),
    ],
)
async def test_waits(config: dict[str, Any], ms: int) -> None:
    result = await succeed("delay", config, inputs={"n": 7})
    assert result.signals.wait is not None
    assert result.signals.wait.until_ms == NOW_MS + ms
    assert result.signals.wait.output == result.output
    assert result.output["actualWaitDuration"] == ms
    assert result.output["startTime"] == "2025-06-15T15:06:40.000Z"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"duration": 0}, "Duration is zero or negative"),
        ({"duration": -5}, "Duration is zero or negative"),
        ({"waitType": "until", "timestamp": "2020-01-01T00:00:00Z"}, "Target time already passed"),
    ],
)
async def test_nothing_to_wait_for_completes_at_once(config: dict[str, Any], reason: str) -> None:
    result = await succeed("wait", config)
    assert result.signals.wait is None
    assert (result.output["skipped"], result.output["reason"], result.output["actualWaitDuration"]) == (True, reason, 0)


async def test_what_is_no_time() -> None:
    assert (await fail("wait", {})).message == "duration is required"
    assert (await fail("wait", {"duration": "soon"})).message == "'soon' is no duration"
    assert (await fail("wait", {"waitType": "until", "timestamp": "x"})).message == "Invalid timestamp: 'x'"
    assert (
        await fail("wait", {"waitType": "until", "timestamp": "2025-01-01", "timezone": "Mars"})
    ).code == "INVALID_NODE_CONFIG"
    assert "366 days" in (await fail("wait", {"duration": "2000 days"})).message
    signals = (await succeed("wait", {"triggerType": "webhook", "timeoutMs": 5_000})).signals
    assert signals.pause == Pause(reason="Waiting for a webhook", kind="callback", timeout_ms=5_000)
    signals = (await succeed("wait", {"waitType": "event", "eventName": "paid", "filter": {"id": 7}})).signals
    assert signals.pause == Pause(
        reason="Waiting for the event 'paid'", kind="event", source="event:paid", filter={"id": 7}
    )
    signals = (await succeed("wait", {"waitType": "event", "reason": "paid"})).signals
    assert signals.pause == Pause(reason="paid", kind="callback")


async def test_a_wait_for_a_shared_waitpoint_names_it_without_its_token() -> None:
    signals = (await succeed("wait", {"waitType": "waitpoint", "token": "wp_secret", "tags": ["a"]})).signals
    assert signals.pause is not None
    assert (signals.pause.kind, signals.pause.tags) == ("waitpoint", ("a",))
    assert signals.pause.source == of_token("wp_secret")
    assert "wp_secret" not in repr(signals.pause)
    signals = (await succeed("wait", {"waitType": "waitpoint", "sharedName": "go"})).signals
    assert signals.pause == Pause(reason="Waiting for the waitpoint 'go'", kind="waitpoint", source="name:go")


@pytest.mark.parametrize("config", [{}, {"token": "wp_t", "sharedName": "go"}])
async def test_a_wait_for_a_shared_waitpoint_says_which(config: dict[str, str]) -> None:
    error = await fail("wait", {"waitType": "waitpoint", **config})
    assert "needs a token or a sharedName" in error.message
