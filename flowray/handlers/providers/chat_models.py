"""ChatModel over the openai SDK, for any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import openai

from flowray.engine.signals import Usage
from flowray.handlers.prices import CURRENCY
from flowray.handlers.providers.openai_clients import OpenAIClients, interrupted, translate
from flowray.handlers.services import ChatChunk, ChatRequest

_THINKING = re.compile(r"(?:o\d|gpt-5)(?:[-.]|$)")


class OpenAIChatModel:
    """Chat models of the configured providers."""

    def __init__(self, clients: OpenAIClients) -> None:
        self._clients = clients

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """Text as it comes, then one last chunk with usage, tool calls and finish reason.

        Raises PROVIDER_* or STREAM_INTERRUPTED; closing the iterator closes the connection.
        """
        found = self._clients.providers.endpoint(
            "chat", request.provider, request.model, request.base_url, request.api_key
        )
        name, model = found.name, found.model
        answer = _Answer(model, name)
        try:
            stream = await self._clients.client(found.provider).chat.completions.create(**arguments(request, model))
            try:
                async for chunk in stream:
                    text, thinking = answer.add(chunk)
                    if text or thinking:
                        yield ChatChunk(text=text, thinking=thinking, model=answer.model, provider=name)
            finally:
                await stream.close()
        except openai.OpenAIError as error:
            raise translate(error, name, model, began=answer.began) from error
        yield answer.last_chunk()


def arguments(request: ChatRequest, model: str) -> dict[str, Any]:
    """The SDK's arguments; what is None stays out, because not every server knows every field."""
    # OpenAI's models that think refuse the older name, other servers do not know the newer one.
    longest = "max_completion_tokens" if _THINKING.match(model) else "max_tokens"
    optional = {
        "temperature": request.temperature, longest: request.max_tokens, "top_p": request.top_p,
        "response_format": request.response_format, "tools": request.tools, "tool_choice": request.tool_choice,
        "stop": list(request.stop) if request.stop else None,
    }  # fmt: skip
    given = {name: value for name, value in optional.items() if value is not None}
    return {
        "model": model, "messages": list(request.messages), "stream": True,
        "stream_options": {"include_usage": True}, "timeout": request.timeout_ms / 1000, **given, **request.extra,
    }  # fmt: skip


class _Answer:
    """What the chunks of one completion add up to."""

    def __init__(self, model: str, provider: str) -> None:
        self.model = model
        self.provider = provider
        self.began = False
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, chunk: Any) -> tuple[str, str]:
        """Take one chunk in; returns its text, and what the model thinks in it."""
        self.began = True
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self._usage = reported_usage(chunk.usage, self.model)
        text = thinking = ""
        for choice in chunk.choices[:1]:
            self._finish = choice.finish_reason or self._finish
            text = choice.delta.content or ""
            # No part of OpenAI's API: DeepSeek, xAI, vLLM and llama.cpp say reasoning_content, others reasoning.
            thought = getattr(choice.delta, "reasoning_content", None) or getattr(choice.delta, "reasoning", None)
            thinking = thought if isinstance(thought, str) else ""
            for part in choice.delta.tool_calls or []:
                self._add_call(part)
        return text, thinking

    def _add_call(self, part: Any) -> None:
        call = self._calls.setdefault(
            part.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        )
        call["id"] = part.id or call["id"]
        if part.function is not None:
            call["function"]["name"] += part.function.name or ""
            call["function"]["arguments"] += part.function.arguments or ""

    def last_chunk(self) -> ChatChunk:
        """The end of the answer. Raises STREAM_INTERRUPTED if the server stopped without a finish reason."""
        if self._finish is None:
            raise interrupted(self.provider, self.model, "the stream ended without a finish reason")
        return ChatChunk(
            finish_reason=self._finish, usage=self._usage, model=self.model, provider=self.provider,
            tool_calls=tuple(call for _, call in sorted(self._calls.items())),
        )  # fmt: skip


def reported_usage(reported: Any, model: str) -> Usage:
    """The provider's own count. OpenRouter and a few others add what it cost, in US dollars."""
    asked, answered = reported.prompt_tokens_details, reported.completion_tokens_details
    cost = getattr(reported, "cost", None)
    known = isinstance(cost, int | float) and not isinstance(cost, bool)
    return Usage(
        input_tokens=reported.prompt_tokens or 0, output_tokens=reported.completion_tokens or 0, model=model,
        cost=float(cost) if known and cost is not None else None, currency=CURRENCY if known else None,
        cached_tokens=(asked and asked.cached_tokens) or getattr(reported, "prompt_cache_hit_tokens", None) or 0,
        thinking_tokens=(answered and answered.reasoning_tokens) or 0,
    )  # fmt: skip
