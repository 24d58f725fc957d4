"""Completions: fallbacks, the circuit, what is counted and priced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.ai.completion import Completion, Fallback, complete, usage_view
from flowray.handlers.handler import NodeInput
from flowray.handlers.services import ChatChunk, ChatRequest
from tests.fakes.services import ScriptedChat, fake_services, node_input

REQUEST = ChatRequest(model="a", provider="p", messages=[{"role": "user", "content": "hi"}])


class ByModel:
    """Answers with the model's name; a model in ``broken`` fails, after ``pieces`` of text."""

    def __init__(self, broken: Mapping[str, ErrorCode], pieces: int = 0) -> None:
        self.broken, self.pieces = broken, pieces
        self.asked: list[tuple[str, str, str | None]] = []

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        self.asked.append((request.provider, request.model, request.base_url))
        if request.model in self.broken:
            for _ in range(self.pieces):
                yield ChatChunk("x")
            raise FlowrayError(self.broken[request.model], f"{request.model} is broken", retryable=True)
        yield ChatChunk(request.model)
        yield ChatChunk(finish_reason="stop", usage=Usage(1, 1, request.model))


def node(chat: Any) -> NodeInput:
    return node_input({}, services=fake_services(chat=chat))


async def test_fallbacks_are_asked_in_turn_until_one_answers() -> None:
    chat = ByModel({"a": ErrorCode.PROVIDER_RATE_LIMITED, "b": ErrorCode.PROVIDER_AUTH})
    request = ChatRequest(model="a", provider="p", messages=[], base_url="http://own/v1", api_key="k")
    answer = await complete(node(chat), request, fallbacks=[Fallback(model="b"), Fallback("q", "c"), Fallback("r")])
    assert (answer.text, answer.fallback) == ("c", 2)
    assert chat.asked == [("p", "a", "http://own/v1"), ("p", "b", "http://own/v1"), ("q", "c", None)]


async def test_the_last_error_is_raised_and_names_the_others() -> None:
    chat = ByModel({"a": ErrorCode.PROVIDER_TIMEOUT, "b": ErrorCode.PROVIDER_ERROR})
    with pytest.raises(FlowrayError) as caught:
        await complete(node(chat), REQUEST, fallbacks=[Fallback(model="b")])
    assert caught.value.code == "PROVIDER_ERROR"
    assert caught.value.message == "b is broken (after 1 other model(s) had failed)"
    assert caught.value.details["fallbacks"] == [{"provider": "p", "model": "a", "code": "PROVIDER_TIMEOUT"}]


@pytest.mark.parametrize(("code", "pieces"), [(ErrorCode.STREAM_INTERRUPTED, 1), (ErrorCode.INVALID_NODE_CONFIG, 0)])
async def test_nobody_stands_in_once_text_has_come_or_where_the_node_is_wrong(code: ErrorCode, pieces: int) -> None:
    chat = ByModel({"a": code}, pieces)
    with pytest.raises(FlowrayError) as caught:
        await complete(node(chat), REQUEST, fallbacks=[Fallback(model="b")])
    assert (caught.value.code, len(chat.asked)) == (code, 1)


async def test_an_open_circuit_leads_to_the_fallback_without_asking() -> None:
    chat = ByModel({"a": ErrorCode.PROVIDER_UNREACHABLE})
    asking = node(chat)
    for _ in range(5):
        with pytest.raises(FlowrayError):
            await complete(asking, REQUEST)
    chat.asked.clear()
    answer = await complete(asking, REQUEST, fallbacks=[Fallback("q", "c")])
    assert (answer.text, chat.asked) == ("c", [("q", "c", None)])
    with pytest.raises(FlowrayError) as caught:
        await complete(asking, REQUEST)
    assert caught.value.code == "PROVIDER_CIRCUIT_OPEN"


async def test_what_it_thinks_costs_and_counts() -> None:
    last = ChatChunk(
        finish_reason="stop", usage=Usage(1_000, 500, "gpt-4o", cached_tokens=400, thinking_tokens=200), model="gpt-4o",
        provider="openai",
    )  # fmt: skip
    chat = ScriptedChat([ChatChunk(thinking="hm, "), ChatChunk(thinking="well"), ChatChunk("yes"), last])
    heard: list[str] = []
    answer = await complete(node(chat), REQUEST, on_text=heard.append)
    assert (answer.text, answer.thinking, heard) == ("yes", "hm, well", ["yes"])
    assert usage_view(answer.usage) == {
        "promptTokens": 1_000, "completionTokens": 500, "totalTokens": 1_500, "thinkingTokens": 200,
        "cachedTokens": 400, "cost": 0.007,
    }  # fmt: skip
    assert isinstance(answer, Completion)
