"""One call of an agent's model: what it reads, and what it says, text and calls of tools. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowray.definition.answers import prepare_answer
from flowray.engine.signals import Usage
from flowray.errors import FlowrayError
from flowray.handlers.agents.config import AgentConfig
from flowray.handlers.agents.journal import Journal, ToolCall
from flowray.handlers.agents.tools import Tool
from flowray.handlers.ai.completion import complete
from flowray.handlers.conversation_window import fit_window, one_each
from flowray.handlers.handler import NodeInput
from flowray.handlers.node_config import text_of
from flowray.handlers.services import ChatRequest
from flowray.values import Json, decode_json, encode_json


@dataclass(frozen=True)
class Turn:
    """What the model said. ``message`` as it goes on in the conversation; ``read``: how many messages it was given."""

    text: str
    calls: Sequence[ToolCall]
    usage: Usage
    model: str
    provider: str
    read: int
    message: dict[str, Any] = field(default_factory=dict)

    def problem_with(self, schema: Mapping[str, Any]) -> str:
        """What is wrong with it as an answer that follows a schema; empty if nothing is."""
        try:
            prepare_answer(schema, decode_json(self.text))
        except ValueError:
            return "The answer must be JSON that follows the schema, and nothing else."
        except FlowrayError as error:
            return f"The answer does not follow the schema: {error.message}"
        return ""


def first_messages(config: AgentConfig) -> list[dict[str, Any]]:
    """What there is before the model says anything: the author's messages, and the task as the user's word."""
    messages = [dict(message) for message in config.messages or ()]
    if config.prompt not in (None, ""):
        content = config.prompt if isinstance(config.prompt, list) else text_of(config.prompt)
        messages.append({"role": "user", "content": content})
    return messages


async def ask(
    node: NodeInput, config: AgentConfig, journal: Journal, tools: Sequence[Tool], *, must_answer: bool
) -> Turn:
    """Stream one answer. ``must_answer``: without tools. Raises PROVIDER_* and STREAM_INTERRUPTED."""
    request = _request(config, journal, tools, must_answer)
    answer = await complete(
        node, request, fallbacks=config.fallbacks, on_text=node.emit_token, cache_ttl_ms=config.cache_ttl_ms
    )
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.tool_calls:
        message["tool_calls"] = [dict(one) for one in answer.tool_calls]
    return Turn(
        text=answer.text, calls=[_call(one, number) for number, one in enumerate(answer.tool_calls)], message=message,
        usage=answer.usage, model=answer.model, provider=answer.provider, read=len(request.messages),
    )  # fmt: skip


def _request(config: AgentConfig, journal: Journal, tools: Sequence[Tool], must_answer: bool) -> ChatRequest:
    response_format = None
    if config.output_schema is not None:
        schema = {"name": str(config.output_schema.get("title", "answer")), "schema": config.output_schema}
        response_format = {"type": "json_schema", "json_schema": schema}
    offered = [tool.function for tool in tools]
    return ChatRequest(
        model=config.model or "", messages=_window(config, journal.messages), provider=config.provider or "",
        temperature=config.temperature, max_tokens=config.max_tokens, top_p=config.top_p,
        response_format=response_format, tools=offered or None, tool_choice=_choice(journal, tools, must_answer),
        base_url=config.base_url, api_key=config.api_key, timeout_ms=config.timeout_ms,
    )  # fmt: skip


def _choice(journal: Journal, tools: Sequence[Tool], must_answer: bool) -> Json:
    """None leaves it to the model. What the author forces is called once, one after the other."""
    if must_answer and tools:
        return "none"
    called = {record["name"] for record in journal.records}
    forced = [tool.name for tool in tools if tool.config.usage_control == "force" and tool.name not in called]
    return {"type": "function", "function": {"name": forced[0]}} if forced else None


def _window(config: AgentConfig, conversation: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Instructions and as much of the conversation as its window allows."""
    messages = list(conversation)
    if config.system_prompt not in (None, ""):
        messages.insert(0, {"role": "system", "content": text_of(config.system_prompt)})
    if config.memory_type == "sliding_window":
        return fit_window(messages, config.sliding_window_size, one_each).messages
    if config.memory_type == "sliding_window_tokens":
        return fit_window(messages, config.sliding_window_tokens).messages
    return messages


def _call(one: Mapping[str, Any], number: int) -> ToolCall:
    """A call of the model. Arguments that are no JSON object are its problem: it is told so."""
    function = one.get("function") or {}
    text = function.get("arguments") or "{}"
    identity = str(one.get("id") or f"call_{number}")
    name = str(function.get("name") or "")
    try:
        arguments = decode_json(text) if isinstance(text, str | bytes) else decode_json(encode_json(text))
    except ValueError as error:
        return ToolCall(identity, name, problem=f"the arguments are not JSON: {error}")
    if not isinstance(arguments, dict):
        return ToolCall(identity, name, problem="the arguments must be a JSON object")
    return ToolCall(identity, name, arguments)
