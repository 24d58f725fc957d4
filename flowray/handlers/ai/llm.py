"""The ``llm`` node: one chat completion, streamed. Which server answers is the provider's business."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.conversation_window import CHARS_PER_TOKEN, fit_window, one_each
from flowray.handlers.handler import NodeInput, NodeResult, Streaming
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.handlers.services import ChatChunk, ChatRequest
from flowray.values import Json, decode_json, encode_json

DEFAULT_PROVIDER = "openai"
"""Who is asked where a node names no provider."""

WINDOW_MESSAGES = 10
WINDOW_TOKENS = 4_000
"""Sizes of the sliding windows where the author gives none, as in SIM."""


class LlmConfig(NodeConfig):
    """A prompt, or messages in OpenAI's shape, for a model of a provider."""

    provider: str | None = Field(None, description="Name of a configured provider; the default one without it.")
    model: str | None = Field(None, description="Model name; the provider's default without it.")
    prompt: Any = None
    system_prompt: Any = None
    messages: list[dict[str, Any]] | None = None
    history: list[dict[str, Any]] | None = Field(None, description="The conversation so far, before messages.")
    memory_type: Literal["none", "conversation", "sliding_window", "sliding_window_tokens"] = Field(
        "conversation", description="How much of history and messages is sent: none of the history, all, or a window."
    )
    sliding_window_size: int = Field(WINDOW_MESSAGES, gt=0, description="Messages in a sliding_window.")
    sliding_window_tokens: int = Field(WINDOW_TOKENS, gt=0, description="Tokens in a sliding_window_tokens, estimated.")
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, gt=0)
    top_p: float | None = Field(None, ge=0, le=1)
    stop: list[str] | str | None = None
    response_format: Any = Field(None, description="json_object, or OpenAI's response_format object.")
    output_schema: dict[str, Any] | None = Field(None, description="JSON Schema that the answer must follow.")
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    base_url: str | None = None
    api_key: str | None = None
    timeout_ms: int = Field(600_000, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, prompt=("userPrompt", "input"), systemPrompt=("system", "instructions"), messages=("chatHistory",),
            history=("conversation", "conversationHistory"),
            outputSchema=("jsonSchema", "schema"), baseUrl=("baseURL", "endpoint"), stop=("stopSequences",),
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _asks_something(self) -> LlmConfig:
        if not self.messages and not self.history and self.prompt in (None, ""):
            raise ValueError("prompt: Required (or messages)")
        return self


def build_messages(config: LlmConfig) -> list[dict[str, Any]]:
    """System prompt first, then history and messages, then the prompt as the user's last word; cut to the window."""
    messages: list[dict[str, Any]] = []
    if config.system_prompt not in (None, ""):
        messages.append({"role": "system", "content": text_of(config.system_prompt)})
    if config.memory_type != "none":
        messages.extend(config.history or [])
    messages.extend(config.messages or [])
    if config.prompt not in (None, ""):
        content = config.prompt if isinstance(config.prompt, list) else text_of(config.prompt)
        messages.append({"role": "user", "content": content})
    if config.memory_type == "sliding_window":
        return fit_window(messages, config.sliding_window_size, one_each).messages
    if config.memory_type == "sliding_window_tokens":
        return fit_window(messages, config.sliding_window_tokens).messages
    return messages


def build_request(config: LlmConfig) -> ChatRequest:
    """The request for the provider; a schema becomes ``response_format``."""
    response_format = config.response_format
    if config.output_schema is not None:
        schema = {"name": str(config.output_schema.get("title", "answer")), "schema": config.output_schema}
        response_format = {"type": "json_schema", "json_schema": schema}
    elif isinstance(response_format, str):
        response_format = None if response_format == "text" else {"type": "json_object"}
    return ChatRequest(
        model=config.model or "", messages=build_messages(config), provider=config.provider or "",
        temperature=config.temperature, max_tokens=config.max_tokens, top_p=config.top_p,
        response_format=response_format, tools=config.tools, tool_choice=config.tool_choice,
        stop=[config.stop] if isinstance(config.stop, str) else config.stop,
        base_url=config.base_url, api_key=config.api_key, timeout_ms=config.timeout_ms,
    )  # fmt: skip


def estimated_usage(request: ChatRequest, text: str, model: str) -> Usage:
    """Usage by length, for servers that report none."""
    prompt_chars = sum(len(text_of(message.get("content"))) for message in request.messages)
    return Usage(
        input_tokens=-(-prompt_chars // CHARS_PER_TOKEN), output_tokens=-(-len(text) // CHARS_PER_TOKEN), model=model,
        estimated=True,
    )  # fmt: skip


def provider_limit(config: Mapping[str, Any]) -> str | None:
    """Nodes that ask a provider are under the limit of its name; an endpoint of a node's own has no name."""
    provider = config.get("provider")
    if isinstance(provider, str) and provider:
        return provider
    own = any(config.get(name) for name in ("baseUrl", "base_url", "baseURL", "endpoint"))
    return None if own else DEFAULT_PROVIDER


class LlmHandler:
    """Output: ``{text, usage, model, provider, finishReason}``; ``toolCalls`` if any.

    A JSON answer is ``data``, and the fields of a JSON object stand beside it where none of these has the name.
    """

    node_type = NodeType(
        name="llm",
        summary="Asks a language model and streams its answer.",
        config_model=LlmConfig,
        category="ai",
        effects=Effects.READ,
        streams=True,
        default_limit=provider_limit,
        fields=dict.fromkeys(("provider", "outputSchema", "jsonSchema", "responseFormat", "tools"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* and STREAM_INTERRUPTED as the provider does; NODE_FAILED for an answer that is no JSON."""
        config = config_of(node, LlmConfig)
        request = build_request(config)
        pieces: list[str] = []
        tool_calls: list[Any] = []
        last = ChatChunk()
        # Closing the stream closes the connection, also when this attempt is cancelled in the middle of it.
        async with aclosing(node.services.chat.stream(request)) as stream:  # type: ignore[type-var]
            async for chunk in stream:
                if chunk.text:
                    pieces.append(chunk.text)
                    node.emit_token(chunk.text)
                tool_calls.extend(chunk.tool_calls)
                last = _last(last, chunk)
        text = "".join(pieces)
        model = last.model or request.model
        usage = last.usage or estimated_usage(request, text, model)
        output: dict[str, Json] = {
            "text": text, "usage": usage_view(usage), "model": model, "provider": last.provider or request.provider,
            "finishReason": last.finish_reason,
        }  # fmt: skip
        if tool_calls:
            output["toolCalls"] = tool_calls
        if request.response_format is not None and not tool_calls:
            answer = _json_answer(text, usage)
            # Real definitions read the fields beside the text: {{outline.title}} and {{outline.text}}.
            output = {**(answer if isinstance(answer, dict) else {}), **output, "data": answer}
        return NodeResult(data=output, usage=usage, streaming=Streaming(node.stream_id, usage))


def _last(known: ChatChunk, chunk: ChatChunk) -> ChatChunk:
    """What the chunks so far say of the whole answer."""
    return ChatChunk(
        finish_reason=chunk.finish_reason or known.finish_reason, usage=chunk.usage or known.usage,
        model=chunk.model or known.model, provider=chunk.provider or known.provider,
    )  # fmt: skip


def usage_view(usage: Usage) -> dict[str, Json]:
    """Usage as workflows read it, in FlowMaestro's spelling."""
    view: dict[str, Json] = {
        "promptTokens": usage.input_tokens, "completionTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
    }  # fmt: skip
    if usage.estimated:
        view["estimated"] = True
    return view


def _json_answer(text: str, usage: Usage) -> Json:
    try:
        return decode_json(text)
    except ValueError as error:
        raise FlowrayError(
            ErrorCode.NODE_FAILED,
            f"the model was asked for JSON and answered text that is none: {text[:120]!r}",
            details={"answer": text[:2_000], "usage": decode_json(encode_json(usage))},
            retryable=True,
        ) from error
