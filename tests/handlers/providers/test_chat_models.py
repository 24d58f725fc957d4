"""Chat models over real sockets against the fake OpenAI server: text, usage, faults, disconnects."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.errors import FlowrayError
from flowray.handlers.handler import Cancellation
from flowray.handlers.providers.chat_models import OpenAIChatModel
from flowray.handlers.providers.fake_openai import FakeOpenAI
from flowray.handlers.providers.openai_clients import OpenAIClients
from flowray.handlers.providers.provider import Provider, Providers
from flowray.handlers.services import ChatChunk, ChatRequest
from tests.fakes.services import fake_services
from tests.handlers.running import attempt, fail, output

Fake = tuple[str, FakeOpenAI]


@pytest.fixture
async def chat(fake_openai: Fake) -> AsyncIterator[OpenAIChatModel]:
    providers = {
        "fake": Provider(f"{fake_openai[0]}/v1", "sk-test", "fake-model"),
        "bare": Provider("http://x/v1"),
    }
    clients = OpenAIClients(Providers(providers))
    yield OpenAIChatModel(clients)
    await clients.aclose()


def ask(prompt: str = "one two three", model: str = "", **more: Any) -> ChatRequest:
    return ChatRequest(
        model=model, messages=[{"role": "user", "content": prompt}], provider=more.pop("provider", ""), **more
    )


async def collect(chat: OpenAIChatModel, request: ChatRequest) -> list[ChatChunk]:
    return [chunk async for chunk in chat.stream(request)]


async def failing(chat: OpenAIChatModel, request: ChatRequest) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        await collect(chat, request)
    return caught.value


async def test_streams_text_then_usage(chat: OpenAIChatModel, fake_openai: Fake) -> None:
    chunks = await collect(chat, ask(temperature=0.1, max_tokens=50, stop=["X"]))
    text = "".join(chunk.text for chunk in chunks)
    assert text.startswith("You asked: one two three (3 words, reply ")
    assert len(chunks) > 5
    last = chunks[-1]
    assert (last.finish_reason, last.model, last.provider) == ("stop", "fake-model", "fake")
    assert last.usage == Usage(4, -(-len(text) // 4), "fake-model")
    body = fake_openai[1].journal[-1].body
    assert (body["temperature"], body["max_tokens"], body["stop"]) == (0.1, 50, ["X"])
    assert "top_p" not in body
    assert fake_openai[1].journal[-1].completed


async def test_tool_calls_and_json_schema(chat: OpenAIChatModel) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
    last = (await collect(chat, ask(tools=tools)))[-1]
    assert last.finish_reason == "tool_calls"
    assert last.tool_calls[0]["function"]["name"] == "weather"
    assert last.tool_calls[0]["function"]["arguments"] == '{"city": "one two three city"}'
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 3}}}
    services = fake_services(chat=chat)
    assert (await output("llm", {"prompt": "x", "outputSchema": schema}, services=services))["data"] == {"n": 3}


@pytest.mark.parametrize(
    ("model", "code", "retryable", "delay"),
    [
        ("fake-429", "PROVIDER_RATE_LIMITED", True, 1_000),
        ("fake-500", "PROVIDER_ERROR", True, None),
        ("fake-401", "PROVIDER_AUTH", False, None),
        ("fake-400", "PROVIDER_REJECTED", False, None),
        ("fake-cut", "STREAM_INTERRUPTED", True, None),
    ],
)
async def test_faults_are_coded(
    chat: OpenAIChatModel, model: str, code: str, retryable: bool, delay: int | None
) -> None:
    error = await fail("llm", {"prompt": "a b c d e f", "model": model}, services=fake_services(chat=chat))
    assert (error.code, error.retryable, error.retry_after_ms) == (code, retryable, delay)
    assert f"fake/{model}" in error.message
    assert error.details["model"] == model


async def test_dead_slow_and_unknown_servers(chat: OpenAIChatModel, fake_openai: Fake) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        error = await failing(chat, ask(model="m", base_url=url))
    assert (error.code, error.retryable) == ("PROVIDER_UNREACHABLE", True)
    assert url in error.message
    assert error.details["url"].startswith(url)
    error = await failing(chat, ask(model="fake-stuck", timeout_ms=100))
    assert (error.code, error.retryable) == ("PROVIDER_TIMEOUT", True)
    error = await failing(chat, ask(provider="acme"))
    assert error.message == "the provider 'acme' is not configured"
    assert error.details["configured"] == ["bare", "fake"]
    error = await failing(chat, ask(provider="bare"))
    assert error.code == "INVALID_NODE_CONFIG"


async def test_a_server_without_usage_gets_an_estimate(chat: OpenAIChatModel) -> None:
    result = await output("llm", {"prompt": "abcd", "model": "fake-no-usage"}, services=fake_services(chat=chat))
    assert result["usage"]["estimated"] is True
    assert result["usage"]["promptTokens"] == 1


async def until(condition: Any) -> None:
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 2 s")


async def test_cancelling_closes_the_connection(chat: OpenAIChatModel, fake_openai: Fake) -> None:
    cancellation = Cancellation()
    journal = fake_openai[1].journal
    config = {"prompt": "word " * 200, "model": "fake-slow"}
    running = asyncio.create_task(
        attempt("llm", config, services=fake_services(chat=chat), cancellation=cancellation, stream_id="s")
    )
    await until(lambda: journal and journal[-1].pieces_sent >= 2)
    cancellation.cancel()
    result = await running
    assert result.error.code == "EXECUTION_CANCELLED"  # type: ignore[union-attr]
    await until(lambda: journal[-1].disconnected)
    assert not journal[-1].completed
