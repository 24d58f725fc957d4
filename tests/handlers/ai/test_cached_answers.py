"""The response cache of llm and router: which requests are the same, and what a hit costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.engine.stimuli import Stimulus, TokensProduced
from flowray.handlers.ai.cached_answers import cache_key
from flowray.handlers.services import ChatChunk, ChatRequest
from tests.fakes.services import ScriptedChat, fake_services
from tests.handlers.running import fail, output, succeed

REQUEST = ChatRequest(model="m", provider="p", messages=[{"role": "user", "content": "hi"}])
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
LAST = ChatChunk(finish_reason="stop", usage=Usage(7, 2, "m"), model="m", provider="p", thinking="hm")


def test_what_changes_an_answer_changes_the_key() -> None:
    key = cache_key(REQUEST)
    assert key == cache_key(replace(REQUEST, timeout_ms=5))
    others = [
        replace(REQUEST, model="n"), replace(REQUEST, provider="q"), replace(REQUEST, messages=[]),
        replace(REQUEST, temperature=0.0), replace(REQUEST, api_key="other"), replace(REQUEST, extra={"seed": 1}),
    ]  # fmt: skip
    assert len({key, *(cache_key(other) for other in others)}) == 7
    assert "hi" not in key


@pytest.mark.parametrize("cache", [True, {}, {"ttlMs": 60_000}])
async def test_a_second_time_costs_nothing(cache: Any) -> None:
    chat = ScriptedChat([ChatChunk("Hel"), ChatChunk("lo"), LAST])
    services, emitted = fake_services(chat=chat), list[Stimulus]()
    config = {"prompt": "Say {{x}}", "cache": cache}
    first: Any = (await succeed("llm", config, services=services, inputs={"x": "hi"})).output
    again = await succeed(
        "llm", config, services=services, inputs={"x": "hi"}, emitted=emitted, stream_id="s", streams=True
    )
    found: Any = again.output
    assert (len(chat.asked), "cached" in first) == (1, False)
    usage = {"promptTokens": 0, "completionTokens": 0, "totalTokens": 0, "cost": 0.0}
    assert found == {**first, "usage": usage, "cached": True}
    assert again.usage == Usage(model="m", cost=0.0, currency="USD")
    assert "".join(event.text for event in emitted if isinstance(event, TokensProduced)) == "Hello"
    await succeed("llm", config, services=services, inputs={"x": "bye"})
    assert len(chat.asked) == 2


async def test_nothing_is_kept_unasked_and_no_failure() -> None:
    chat = ScriptedChat([ChatChunk("no JSON"), LAST])
    services = fake_services(chat=chat)
    for _ in range(2):
        assert "cached" not in await output("llm", {"prompt": "x", "cache": False}, services=services)
    assert len(chat.asked) == 2
    assert (await fail("llm", {"prompt": "x", "cache": {"ttlMs": 0}}, services=services)).code == "INVALID_NODE_CONFIG"


async def test_a_router_and_tool_calls_are_kept_too() -> None:
    chat = ScriptedChat([ChatChunk(tool_calls=(CALL,)), LAST])
    services = fake_services(chat=chat)
    for _ in range(2):
        found = await output("llm", {"prompt": "x", "cache": True}, services=services)
        assert found["toolCalls"] == [CALL]
    chat.chunks = [ChatChunk('{"selectedRoute": "b"}'), LAST]
    for _ in range(2):
        found = await output(
            "router", {"prompt": "y", "routes": ["a", "b"], "cache": {"ttl": 1_000}}, services=services
        )
        assert found["selectedRoute"] == "b"
    assert len(chat.asked) == 2
