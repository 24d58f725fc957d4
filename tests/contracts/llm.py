"""The contract of ``llm``: text, pictures, schemas, tools, thinking, fallbacks and failures of a real server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _says(start: str) -> Any:
    return lambda text: text.startswith(start)


def _calls(calls: Any) -> bool:
    return [call["function"]["name"] for call in calls] == ["weather"]


def _cases(url: str) -> Sequence[Case]:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    picture = {"prompt": "Look", "images": ["http://h/a.png"]}
    return [
        Case(
            "text with its cost", {"prompt": "one two three", "systemPrompt": "Be brief"},
            has(text=_says("You asked: one two three (3 words, reply "), provider="openai", model="fake-model",
                finishReason="stop", usage=lambda usage: usage["cost"] == usage["promptTokens"] / 1_000
                + usage["completionTokens"] / 500),
        ),
        Case("another text", {"prompt": "four"}, has(text=_says("You asked: four (1 words, reply "))),
        Case("a picture", picture, has(text=_says("You asked: Look (1 words, a picture "))),
        Case("an address of its own", {"prompt": "five", "model": "fake-model", "baseUrl": f"{url}/v1"},
             has(text=_says("You asked: five"), provider="own address")),
        Case("JSON by schema", {"prompt": "Where", "outputSchema": SCHEMA}, has(data={"city": "Where city"})),
        Case("tools", {"prompt": "Weather?", "tools": tools}, has(toolCalls=_calls, finishReason="tool_calls")),
        Case("thinking", {"prompt": "Hm", "model": "fake-thinking"},
             has(thinking="Let me think about: Hm", usage=lambda usage: usage["thinkingTokens"] == 6)),
        Case("a fallback", {"prompt": "six", "model": "fake-429", "fallbacks": ["fake-500", {"model": "fake-model"}]},
             has(text=_says("You asked: six"), model="fake-model", fallback=2)),
        Case("for the cache", {"prompt": "seven", "cache": True}, has(usage=lambda usage: usage["cost"] > 0)),
        Case("the same one", {"prompt": "seven", "cache": True}, has(cached=True, text=_says("You asked: seven"))),
        Case("a rate limit", {"prompt": "x", "model": "fake-429"},
             has(code=ErrorCode.PROVIDER_RATE_LIMITED, retry_after_ms=1_000), fails=True),
        Case("a wrong key", {"prompt": "x", "model": "fake-401"}, has(code=ErrorCode.PROVIDER_AUTH), fails=True),
        Case("a broken stream", {"prompt": "a b c d e f", "model": "fake-cut"},
             has(code=ErrorCode.STREAM_INTERRUPTED), fails=True),
    ]  # fmt: skip


CONTRACTS = [Contract("llm", AGAINST, asking(_cases))]
