"""ChatModel over the openai SDK, for any server that speaks OpenAI's chat completions. Never retries: the engine does.

The only module that imports ``openai``, which costs about a second of start-up.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import openai
from openai import AsyncOpenAI

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.masking import mask_text
from flowray.handlers.providers.lazy_chat import ChatProvider
from flowray.handlers.retry_after import retry_after_ms
from flowray.handlers.services import ChatChunk, ChatRequest

RETRYABLE_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class OpenAIChatModel:
    """Chat models by provider name. ``default`` is asked where a request names no provider.

    Keys and addresses are handed in; nothing here reads the environment. A request with a ``base_url`` of its own never
    gets the key of a configured provider.
    """

    def __init__(self, providers: Mapping[str, ChatProvider], default: str | None = None) -> None:
        self._providers = dict(providers)
        self._default = default or next(iter(self._providers), "openai")
        self._clients: dict[tuple[str | None, str], AsyncOpenAI] = {}

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """Text as it comes, then one last chunk with usage, tool calls and finish reason.

        Raises PROVIDER_* or STREAM_INTERRUPTED; closing the iterator closes the connection.
        """
        name = request.provider or self._default
        provider = self._provider(request, name)
        model = request.model or provider.default_model or ""
        if not model:
            raise FlowrayError(
                ErrorCode.INVALID_NODE_CONFIG, f"no model named, and provider {name!r} has no default model"
            )
        answer = _Answer(model, name)
        try:
            stream = await self._client(provider).chat.completions.create(**arguments(request, model))
            try:
                async for chunk in stream:
                    text = answer.add(chunk)
                    if text:
                        yield ChatChunk(text=text, model=answer.model, provider=name)
            finally:
                await stream.close()
        except openai.OpenAIError as error:
            raise translate(error, name, model, began=answer.began) from error
        yield answer.last_chunk()

    def _provider(self, request: ChatRequest, name: str) -> ChatProvider:
        if request.base_url:
            return ChatProvider(request.base_url, request.api_key)
        known = self._providers.get(name)
        if known is None:
            raise FlowrayError(
                ErrorCode.PROVIDER_REJECTED,
                f"the provider {name!r} is not configured",
                details={"provider": name, "configured": sorted(self._providers)},
                hint=f"configure it, or use one of: {', '.join(sorted(self._providers)) or 'none yet'}",
            )
        return ChatProvider(known.base_url, request.api_key or known.api_key, known.default_model)

    def _client(self, provider: ChatProvider) -> AsyncOpenAI:
        # Local servers want no key, but the SDK insists on one.
        key = provider.base_url, provider.api_key or "none"
        client = self._clients.get(key)
        if client is None:
            client = AsyncOpenAI(base_url=key[0] or "https://api.openai.com/v1", api_key=key[1], max_retries=0)
            self._clients[key] = client
        return client

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def arguments(request: ChatRequest, model: str) -> dict[str, Any]:
    """The SDK's arguments; what is None stays out, because not every server knows every field."""
    optional = {
        "temperature": request.temperature, "max_tokens": request.max_tokens, "top_p": request.top_p,
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

    def add(self, chunk: Any) -> str:
        """Take one chunk in; returns its text."""
        self.began = True
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self._usage = Usage(
                input_tokens=chunk.usage.prompt_tokens or 0,
                output_tokens=chunk.usage.completion_tokens or 0,
                model=self.model,
            )
        text = ""
        for choice in chunk.choices[:1]:
            self._finish = choice.finish_reason or self._finish
            text = choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                self._add_call(part)
        return text

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


def interrupted(provider: str, model: str, reason: str) -> FlowrayError:
    """The error of a stream that was cut off: another attempt may well succeed."""
    return FlowrayError(
        ErrorCode.STREAM_INTERRUPTED,
        f"{provider}/{model}: {reason}",
        details={"provider": provider, "model": model},
        retryable=True,
    )


def translate(error: openai.OpenAIError, provider: str, model: str, *, began: bool) -> FlowrayError:
    """The SDK's error with our code. ``began``: chunks had arrived, so a lost connection cut the stream off."""
    where = f"{provider}/{model}"
    details: dict[str, Any] = {"provider": provider, "model": model}
    if isinstance(error, openai.APITimeoutError):
        return FlowrayError(ErrorCode.PROVIDER_TIMEOUT, f"{where}: no answer in time", details=details, retryable=True)
    if isinstance(error, openai.APIConnectionError):
        reason = mask_text(str(error.__cause__ or error))
        if began:
            return interrupted(provider, model, f"the connection broke in the middle of the answer: {reason}")
        url = mask_text(str(error.request.url))
        return FlowrayError(
            ErrorCode.PROVIDER_UNREACHABLE, f"{where}: cannot connect to {url}: {reason}", retryable=True,
            details={**details, "url": url},
            hint="is the server running, and is its base URL right?",
        )  # fmt: skip
    if isinstance(error, openai.APIStatusError):
        return _translate_status(error, where, details)
    return FlowrayError(
        ErrorCode.PROVIDER_ERROR, f"{where}: {mask_text(str(error))}", details=details,
        retryable=isinstance(error, openai.APIError),
    )  # fmt: skip


def _translate_status(error: openai.APIStatusError, where: str, details: dict[str, Any]) -> FlowrayError:
    status = error.status_code
    details |= {"status": status, "response": mask_text(str(error.body))[:2_000]}
    delay = retry_after_ms(error.response.headers.get("retry-after"), time.time_ns() // 1_000_000)
    if delay is not None:
        details["retry_after_ms"] = delay
    if status == 429:
        code = ErrorCode.PROVIDER_RATE_LIMITED
    elif status in (401, 403):
        code = ErrorCode.PROVIDER_AUTH
    elif status in (408, 504):
        code = ErrorCode.PROVIDER_TIMEOUT
    else:
        code = ErrorCode.PROVIDER_REJECTED if status < 500 else ErrorCode.PROVIDER_ERROR
    hint = "check the provider's API key" if code is ErrorCode.PROVIDER_AUTH else None
    return FlowrayError(
        code, f"{where} answered {status}: {mask_text(error.message)[:500]}", details=details, hint=hint,
        retryable=status in RETRYABLE_STATUS,
    )  # fmt: skip
