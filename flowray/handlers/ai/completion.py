"""One chat completion as node types ask for it: through the provider's circuit, with fallbacks, counted and priced.

Knows no node type. Which server answers is the business of ``services.chat``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.ai.cached_answers import KeptAnswer, cache_key, keep_answer, kept_answer
from flowray.handlers.ai.token_counts import counted_usage
from flowray.handlers.handler import NodeInput
from flowray.handlers.model_calls import DEFAULT_PROVIDER
from flowray.handlers.services import ChatChunk, ChatRequest
from flowray.values import Json

UNAVAILABLE = frozenset(
    {
        ErrorCode.PROVIDER_UNREACHABLE,
        ErrorCode.PROVIDER_TIMEOUT,
        ErrorCode.PROVIDER_RATE_LIMITED,
        ErrorCode.PROVIDER_AUTH,
        ErrorCode.PROVIDER_REJECTED,
        ErrorCode.PROVIDER_ERROR,
        ErrorCode.PROVIDER_CIRCUIT_OPEN,
        ErrorCode.STREAM_INTERRUPTED,
        ErrorCode.CONFIGURATION,
    }
)
"""Errors of a model for which another one may stand in."""


@dataclass(frozen=True)
class Fallback:
    """Who is asked next. An empty ``provider`` is that of the node, an empty ``model`` the provider's default."""

    provider: str = ""
    model: str = ""


@dataclass(frozen=True)
class Completion:
    """A whole answer. ``thinking`` is what the model said to itself, where its server tells.

    ``fallback``: how many models failed before this one answered. ``cached``: it was answered before, and cost nothing
    now.
    """

    text: str
    usage: Usage
    model: str
    provider: str
    finish_reason: str | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    thinking: str = ""
    fallback: int = 0
    cached: bool = False


def _unheard(text: str) -> None:
    """Default of ``on_text``: nobody listens."""


async def complete(
    node: NodeInput,
    request: ChatRequest,
    *,
    fallbacks: Sequence[Fallback] = (),
    on_text: Callable[[str], None] = _unheard,
    cache_ttl_ms: int | None = None,
) -> Completion:
    """Ask, and the fallbacks in turn while nothing of an answer has come.

    With ``cache_ttl_ms`` an answer to the same request is taken from the cache, and a new one kept there for so long.
    ``on_text`` hears each piece of the text. Raises PROVIDER_* of the last model that was asked, with those of the
    others in ``details.fallbacks``. Cancelling it closes the connection.
    """
    key = None if cache_ttl_ms is None else cache_key(request)
    if key is not None and (kept := await kept_answer(node, key)) is not None:
        on_text(kept.text)
        return _repeated(kept)
    failed: list[dict[str, Json]] = []
    for candidate in (request, *(_instead(request, fallback) for fallback in fallbacks)):
        answer = _Answer(on_text)
        try:
            await _ask(node, candidate, answer)
        except FlowrayError as error:
            if not fallbacks:
                raise
            failed.append({"provider": candidate.provider, "model": candidate.model, "code": error.code.value})
            last = len(failed) > len(fallbacks)
            if last or answer.pieces or error.code not in UNAVAILABLE:
                raise _with_others(error, failed[:-1]) from error
            node.log(f"falling back: {error.message}", "warning", code=error.code.value)
            continue
        completion = await _completed(node, candidate, answer, len(failed))
        if key is not None and cache_ttl_ms is not None and not completion.fallback:
            await keep_answer(node, key, _kept(completion), cache_ttl_ms)
        return completion
    raise AssertionError("every candidate either answers or raises")


def _repeated(kept: KeptAnswer) -> Completion:
    return Completion(
        text=kept.text, usage=kept.usage, model=kept.model, provider=kept.provider, finish_reason=kept.finish_reason,
        tool_calls=kept.tool_calls, thinking=kept.thinking, cached=True,
    )  # fmt: skip


def _kept(answer: Completion) -> KeptAnswer:
    calls = tuple(dict(call) for call in answer.tool_calls)
    return KeptAnswer(answer.text, answer.model, answer.provider, answer.finish_reason, calls, answer.thinking)


def _instead(request: ChatRequest, fallback: Fallback) -> ChatRequest:
    """The same question to another model. An address of the node's own, and its key, are not another provider's."""
    if not fallback.provider:
        return replace(request, model=fallback.model)
    return replace(request, provider=fallback.provider, model=fallback.model, base_url=None, api_key=None)


async def _ask(node: NodeInput, request: ChatRequest, answer: _Answer) -> None:
    circuit = request.base_url or request.provider or DEFAULT_PROVIDER
    with node.services.breakers.guard(circuit, node.now_ms):
        # Closing the stream closes the connection, also when this attempt is cancelled in the middle of it.
        async with aclosing(node.services.chat.stream(request)) as stream:  # type: ignore[type-var]
            async for chunk in stream:
                answer.add(chunk)


class _Answer:
    """What has come so far."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self.pieces: list[str] = []
        self.thoughts: list[str] = []
        self.tool_calls: list[Mapping[str, Any]] = []
        self.last = ChatChunk()
        self._on_text = on_text

    def add(self, chunk: ChatChunk) -> None:
        if chunk.text:
            self.pieces.append(chunk.text)
            self._on_text(chunk.text)
        if chunk.thinking:
            self.thoughts.append(chunk.thinking)
        self.tool_calls.extend(chunk.tool_calls)
        known = self.last
        self.last = ChatChunk(
            finish_reason=chunk.finish_reason or known.finish_reason, usage=chunk.usage or known.usage,
            model=chunk.model or known.model, provider=chunk.provider or known.provider,
        )  # fmt: skip


async def _completed(node: NodeInput, request: ChatRequest, answer: _Answer, fallback: int) -> Completion:
    text, thinking = "".join(answer.pieces), "".join(answer.thoughts)
    model = answer.last.model or request.model
    provider = answer.last.provider or request.provider
    usage = answer.last.usage or await counted_usage(request, text, thinking, answer.tool_calls, model)
    return Completion(
        text=text, usage=node.services.prices.priced(usage, provider, model), model=model, provider=provider,
        finish_reason=answer.last.finish_reason, tool_calls=tuple(answer.tool_calls), thinking=thinking,
        fallback=fallback,
    )  # fmt: skip


def _with_others(error: FlowrayError, others: list[dict[str, Json]]) -> FlowrayError:
    if not others:
        return error
    return FlowrayError(
        error.code, f"{error.message} (after {len(others)} other model(s) had failed)",
        details={**error.details, "fallbacks": others}, hint=error.hint, retryable=error.retryable,
    )  # fmt: skip


def usage_view(usage: Usage) -> dict[str, Json]:
    """Usage as workflows read it, in FlowMaestro's spelling; ``cost`` in US dollars where the price is known."""
    view: dict[str, Json] = {
        "promptTokens": usage.input_tokens, "completionTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
    }  # fmt: skip
    if usage.thinking_tokens:
        view["thinkingTokens"] = usage.thinking_tokens
    if usage.cached_tokens:
        view["cachedTokens"] = usage.cached_tokens
    if usage.cost is not None:
        view["cost"] = usage.cost
    if usage.estimated:
        view["estimated"] = True
    return view
