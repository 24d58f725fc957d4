"""The ``llm`` node: one chat completion, streamed. Which server answers is the provider's business."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import FlowrayError
from flowray.handlers.ai.asking import ASKING_SPELLINGS, AskingConfig, provider_limit
from flowray.handlers.ai.completion import Completion, complete, usage_view
from flowray.handlers.ai.image_inputs import image_parts
from flowray.handlers.ai.structured import json_answer, schema_of
from flowray.handlers.ai.thinking import thinking_fields
from flowray.handlers.conversation_window import fit_window, one_each
from flowray.handlers.handler import NodeInput, NodeResult, Streaming
from flowray.handlers.model_calls import DEFAULT_PROVIDER
from flowray.handlers.node_config import config_of, rename, text_of
from flowray.handlers.services import ChatRequest
from flowray.values import Json

WINDOW_MESSAGES = 10
WINDOW_TOKENS = 4_000
"""Sizes of the sliding windows where the author gives none, as in SIM."""

THINKING_BUDGET = 4_096
"""As in FlowMaestro."""


class LlmConfig(AskingConfig):
    """A prompt, or messages in OpenAI's shape, for a model of a provider."""

    prompt: Any = Field(None, description="What the user says: text, or a list of parts in OpenAI's shape.")
    system_prompt: Any = Field(None, description="Instructions, before everything else.")
    messages: list[dict[str, Any]] | None = Field(None, description="Messages in OpenAI's shape, before the prompt.")
    history: list[dict[str, Any]] | None = Field(None, description="The conversation so far, before messages.")
    images: Any = Field(None, description="Pictures beside the prompt: an address or data URL, or a list of them.")
    image_detail: Literal["auto", "low", "high"] | None = Field(None, description="How closely pictures are looked at.")
    memory_type: Literal["none", "conversation", "sliding_window", "sliding_window_tokens"] = Field(
        "conversation", description="How much of history and messages is sent: none of the history, all, or a window."
    )
    sliding_window_size: int = Field(WINDOW_MESSAGES, gt=0, description="Messages in a sliding_window.")
    sliding_window_tokens: int = Field(WINDOW_TOKENS, gt=0, description="Tokens in a sliding_window_tokens, estimated.")
    temperature: float | None = Field(None, ge=0, le=2, description="0 for the likeliest words, 2 for the oddest.")
    max_tokens: int | None = Field(None, gt=0, description="Longest answer, in tokens.")
    top_p: float | None = Field(None, ge=0, le=1, description="Share of the likeliest words to choose from.")
    stop: list[str] | str | None = Field(None, description="Texts at which the answer ends.")
    response_format: Any = Field(None, description="json_object, or OpenAI's response_format object.")
    output_schema: dict[str, Any] | None = Field(None, description="JSON Schema that the answer must follow.")
    tools: list[dict[str, Any]] | None = Field(
        None, description="Functions that the model may call, in OpenAI's shape."
    )
    tool_choice: Any = Field(None, description="auto, none, required, or the function that it must call.")
    enable_thinking: bool = Field(False, description="Whether the model thinks before it answers.")
    thinking_budget: int = Field(THINKING_BUDGET, ge=1_024, le=32_768, description="Tokens for thinking.")
    extra: dict[str, Any] = Field(default_factory=dict, description="Further fields of the request, as they are.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, prompt=("userPrompt", "input"), systemPrompt=("system", "instructions"), messages=("chatHistory",),
            history=("conversation", "conversationHistory"), images=("image", "imageUrl", "imageUrls", "imageInput"),
            outputSchema=("jsonSchema", "schema"), stop=("stopSequences",), extra=("extraBody",), **ASKING_SPELLINGS,
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _asks_something(self) -> LlmConfig:
        if not self.messages and not self.history and self.prompt in (None, ""):
            raise ValueError("prompt: Required (or messages)")
        return self


def build_messages(config: LlmConfig, pictures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """System prompt first, then history and messages, then the prompt as the user's last word; cut to the window.
    ``pictures`` are parts of the last message.
    """
    messages: list[dict[str, Any]] = []
    if config.system_prompt not in (None, ""):
        messages.append({"role": "system", "content": text_of(config.system_prompt)})
    if config.memory_type != "none":
        messages.extend(config.history or [])
    messages.extend(config.messages or [])
    if pictures or config.prompt not in (None, ""):
        messages.append({"role": "user", "content": _content(config.prompt, pictures)})
    if config.memory_type == "sliding_window":
        return fit_window(messages, config.sliding_window_size, one_each).messages
    if config.memory_type == "sliding_window_tokens":
        return fit_window(messages, config.sliding_window_tokens).messages
    return messages


def _content(prompt: Any, pictures: list[dict[str, Any]]) -> Any:
    if isinstance(prompt, list):
        return [*prompt, *pictures]
    text = text_of(prompt)
    if not pictures:
        return text
    return [*([{"type": "text", "text": text}] if text else []), *pictures]


def build_request(config: LlmConfig, pictures: list[dict[str, Any]]) -> ChatRequest:
    """The request for the provider; a schema becomes ``response_format``."""
    response_format = config.response_format
    if config.output_schema is not None:
        schema = {"name": str(config.output_schema.get("title", "answer")), "schema": config.output_schema}
        response_format = {"type": "json_schema", "json_schema": schema}
    elif isinstance(response_format, str):
        response_format = None if response_format == "text" else {"type": "json_object"}
    body = dict(config.extra)
    if config.enable_thinking:
        body = {**thinking_fields(config.provider or DEFAULT_PROVIDER, config.thinking_budget), **body}
    return ChatRequest(
        model=config.model or "", messages=build_messages(config, pictures), provider=config.provider or "",
        temperature=config.temperature, max_tokens=config.max_tokens, top_p=config.top_p,
        response_format=response_format, tools=config.tools, tool_choice=config.tool_choice,
        stop=[config.stop] if isinstance(config.stop, str) else config.stop,
        base_url=config.base_url, api_key=config.api_key, timeout_ms=config.timeout_ms,
        extra={"extra_body": body} if body else {},
    )  # fmt: skip


class LlmHandler:
    """Output: ``{text, usage, model, provider, finishReason}``; ``thinking`` and ``toolCalls`` if any; ``fallback``:
    how many models had failed before; ``cached``: it was answered before.

    ``usage``: ``{promptTokens, completionTokens, totalTokens, thinkingTokens?, cachedTokens?, cost?, estimated?}``, the
    cost in US dollars. A JSON answer is ``data``, and the fields of a JSON object stand beside it where none of these
    has the name.
    """

    node_type = NodeType(
        name="llm",
        summary="Asks a language model and streams its answer.",
        config_model=LlmConfig,
        category="ai",
        effects=Effects.READ,
        streams=True,
        default_limit=provider_limit,
        fields=dict.fromkeys(
            ("provider", "outputSchema", "jsonSchema", "responseFormat", "tools", "fallbacks"), FieldKind.LITERAL
        ),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* and STREAM_INTERRUPTED as the provider does; fails with NODE_FAILED if the answer is no
        JSON, or not what the schema says.
        """
        config = config_of(node, LlmConfig)
        request = build_request(config, await image_parts(node, config.images, config.image_detail))
        answer = await complete(
            node, request, fallbacks=config.fallbacks, on_text=node.emit_token, cache_ttl_ms=config.cache_ttl_ms
        )
        output = answer_view(answer)
        if request.response_format is not None and not answer.tool_calls:
            try:
                data = json_answer(answer.text, schema_of(request.response_format))
            except FlowrayError as error:
                # What was answered was paid for, whatever it is.
                return NodeResult.failure(
                    error.code, error.message, retryable=error.retryable, details=error.details, hint=error.hint,
                    usage=answer.usage,
                )  # fmt: skip
            # Real definitions read the fields beside the text: {{outline.title}} and {{outline.text}}.
            output = {**(data if isinstance(data, dict) else {}), **output, "data": data}
        return NodeResult(data=output, usage=answer.usage, streaming=Streaming(node.stream_id, answer.usage))


def answer_view(answer: Completion) -> dict[str, Json]:
    """A completion as workflows read it, in FlowMaestro's spelling."""
    output: dict[str, Json] = {
        "text": answer.text, "usage": usage_view(answer.usage), "model": answer.model, "provider": answer.provider,
        "finishReason": answer.finish_reason,
    }  # fmt: skip
    if answer.thinking:
        output["thinking"] = answer.thinking
    if answer.tool_calls:
        output["toolCalls"] = [dict(call) for call in answer.tool_calls]
    if answer.cached:
        output["cached"] = True
    if answer.fallback:
        output["fallback"] = answer.fallback
    return output
