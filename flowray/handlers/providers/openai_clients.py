"""The SDK's clients, one per endpoint, and its errors with our codes. Never retries: the engine does.

This and what imports it load ``openai``, which costs about a second of start-up.
"""

from __future__ import annotations

import time
from typing import Any

import openai
from openai import AsyncOpenAI

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.masking import mask_text
from flowray.handlers.providers.provider import OPENAI_URL, Provider, Providers
from flowray.handlers.retry_after import retry_after_ms

RETRYABLE_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class OpenAIClients:
    """Clients by address and key. Keys and addresses are handed in; nothing here reads the environment."""

    def __init__(self, providers: Providers) -> None:
        self.providers = providers
        self._clients: dict[tuple[str, str], AsyncOpenAI] = {}

    def client(self, provider: Provider) -> AsyncOpenAI:
        """The client of an endpoint; its connections are kept."""
        # Local servers want no key, but the SDK insists on one.
        key = provider.base_url or OPENAI_URL, provider.api_key or "none"
        client = self._clients.get(key)
        if client is None:
            client = AsyncOpenAI(base_url=key[0], api_key=key[1], max_retries=0)
            self._clients[key] = client
        return client

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()


def interrupted(provider: str, model: str, reason: str) -> FlowrayError:
    """The error of a stream that was cut off: another attempt may well succeed."""
    return FlowrayError(
        ErrorCode.STREAM_INTERRUPTED,
        f"{provider}/{model}: {reason}",
        details={"provider": provider, "model": model},
        retryable=True,
    )


def translate(error: openai.OpenAIError, provider: str, model: str, *, began: bool = False) -> FlowrayError:
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
