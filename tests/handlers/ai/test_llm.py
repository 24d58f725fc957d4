"""The llm node against a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.engine.stimuli import AttemptFailed, Stimulus, TokensProduced
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import Cancellation
from flowray.handlers.services import ChatChunk, ChatRequest
from tests.fakes.services import ScriptedChat, fake_services
from tests.handlers.running import attempt, fail, output, succeed

LAST = ChatChunk(finish_reason="stop", usage=Usage(7, 2, "m"), model="m", provider="p")


def chat(*texts: str, last: ChatChunk = LAST) -> ScriptedChat:
    return ScriptedChat([*(ChatChunk(text=text) for text in texts), last])


async def test_text_usage_and_tokens() -> None:
    model, emitted = chat("Hel", "lo"), list[Stimulus]()
    result = await succeed(
        "llm", {"prompt": "Say {{x}}", "systemPrompt": "Be brief", "temperature": 0.5, "stop": "END"},
        services=fake_services(chat=model), emitted=emitted, inputs={"x": "hi"}, stream_id="llm-n1", streams=True,
    )  # fmt: skip
    assert result.output == {
        "text": "Hello", "usage": {"promptTokens": 7, "completionTokens": 2, "totalTokens": 9}, "model": "m",
        "provider": "p", "finishReason": "stop",
    }  # fmt: skip
    assert result.usage == Usage(7, 2, "m")
    assert result.stream_id == "llm-n1"
    assert "".join(event.text for event in emitted if isinstance(event, TokensProduced)) == "Hello"
    asked = model.asked[0]
    assert asked.messages == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Say hi"}]
    assert (asked.temperature, asked.stop, asked.max_tokens, asked.provider) == (0.5, ["END"], None, "")
    assert model.closed == 1


async def test_usage_is_estimated_where_none_is_reported() -> None:
    result = await succeed("llm", {"prompt": "12345678", "model": "q"}, services=fake_services(
        chat=chat("abcde", last=ChatChunk(finish_reason="stop"))))  # fmt: skip
    assert result.usage == Usage(2, 2, "q", estimated=True)
    assert result.output["usage"]["estimated"] is True


async def test_json_answers_and_tool_calls() -> None:
    model = chat('{"n": 1}')
    schema = {"type": "object", "title": "thing"}
    result = await output("llm", {"prompt": "x", "outputSchema": schema}, services=fake_services(chat=model))
    assert (result["data"], result["n"], result["text"]) == ({"n": 1}, 1, '{"n": 1}')
    assert model.asked[0].response_format == {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}}
    model = chat('{"text": "mine", "title": "T"}')
    result = await output("llm", {"prompt": "x", "responseFormat": "json"}, services=fake_services(chat=model))
    assert (result["text"], result["title"]) == ('{"text": "mine", "title": "T"}', "T")
    error = await fail("llm", {"prompt": "x", "responseFormat": "json_object"}, services=fake_services(chat=chat("no")))
    assert (error.code, error.retryable) == ("NODE_FAILED", True)
    assert "answered text that is none: 'no'" in error.message
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    last = ChatChunk(finish_reason="tool_calls", tool_calls=(call,))
    result = await output("llm", {"prompt": "x", "tools": [{}]}, services=fake_services(chat=chat(last=last)))
    assert result["toolCalls"] == [call]


async def test_a_provider_error_keeps_its_code() -> None:
    broken = ScriptedChat([ChatChunk(text="a")], FlowrayError(ErrorCode.STREAM_INTERRUPTED, "cut", retryable=True))
    error = await fail("llm", {"prompt": "x"}, services=fake_services(chat=broken))
    assert (error.code, error.retryable, broken.closed) == ("STREAM_INTERRUPTED", True, 1)


async def test_cancelling_closes_the_stream() -> None:
    closed: list[str] = []
    cancellation = Cancellation()

    class Endless:
        async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
            try:
                yield ChatChunk(text="a")
                cancellation.cancel()
                await asyncio.sleep(30)
            finally:
                closed.append("closed")

    error = await fail("llm", {"prompt": "x"}, services=fake_services(chat=Endless()), cancellation=cancellation)
    assert (error.code, closed) == ("EXECUTION_CANCELLED", ["closed"])


async def test_messages_and_what_is_missing() -> None:
    model = chat("ok")
    config: dict[str, Any] = {"messages": [{"role": "user", "content": "{{x}}"}], "model": "m"}
    await output("llm", config, services=fake_services(chat=model), inputs={"x": "hi"})
    assert model.asked[0].messages == [{"role": "user", "content": "hi"}]
    assert "prompt: Required" in (await fail("llm", {})).message
    assert (await fail("llm", {"prompt": "x", "temperature": 9})).code == "INVALID_NODE_CONFIG"


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ({"history": "{{past}}"}, ["sys", "h0", "h1", "h2", "h3", "now"]),
        ({"conversation": "{{past}}", "memoryType": "none"}, ["sys", "now"]),
        (
            {"history": "{{past}}", "memoryType": "sliding_window", "slidingWindowSize": "2"},
            ["sys", "(3 earlier messages of this conversation are left out.)", "h3", "now"],
        ),
        (
            {"history": "{{past}}", "memoryType": "sliding_window_tokens", "slidingWindowTokens": 29},
            ["sys", "(4 earlier messages of this conversation are left out.)", "now"],
        ),
    ],
)
async def test_history_is_cut_to_the_window(config: dict[str, Any], sent: list[str]) -> None:
    model = chat("ok")
    past = [{"role": "user", "content": f"h{number}"} for number in range(4)]
    asked = {"prompt": "now", "systemPrompt": "sys", **config}
    await output("llm", asked, services=fake_services(chat=model), inputs={"past": past})
    assert [message["content"] for message in model.asked[0].messages] == sent


async def test_pictures_stand_beside_the_prompt() -> None:
    model = chat("a lamp")
    await output(
        "llm", {"prompt": "What is it?", "imageUrl": "{{pic}}", "imageDetail": "low"},
        services=fake_services(chat=model), inputs={"pic": "https://h/a.png"},
    )  # fmt: skip
    picture = {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}}
    assert model.asked[0].messages == [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]


async def test_an_answer_that_does_not_fit_its_schema_fails_and_is_paid_for() -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    result = await attempt(
        "llm", {"prompt": "x", "outputSchema": schema}, services=fake_services(chat=chat('{"n": "one"}'))
    )
    assert isinstance(result, AttemptFailed)
    assert (result.error.code, result.error.retryable) == ("NODE_FAILED", True)
    assert "/n: 'one' is not of type 'integer'" in result.error.message
    assert result.usage == Usage(7, 2, "m")


async def test_fallbacks_thinking_and_further_fields() -> None:
    model = chat("ok", last=ChatChunk(finish_reason="stop", usage=Usage(1, 1), thinking="hm"))
    config = {
        "prompt": "x", "provider": "anthropic", "enableThinking": True, "thinkingBudget": 2048,
        "extra": {"seed": 7}, "fallbacks": ["other", {"provider": "groq"}],
    }  # fmt: skip
    result = await output("llm", config, services=fake_services(chat=model))
    assert result["thinking"] == "hm"
    assert model.asked[0].extra == {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 2048}, "seed": 7}}
    error = await fail("llm", {"prompt": "x", "thinkingBudget": 12}, services=fake_services(chat=model))
    assert error.code == "INVALID_NODE_CONFIG"
