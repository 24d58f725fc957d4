"""What an agent shows of its calls and of itself, in the spelling of SIM and FlowMaestro. Pure."""

from __future__ import annotations

from typing import Any

from flowray.eventlog.sse import iso_time
from flowray.handlers.agents.calling import Outcome
from flowray.handlers.agents.config import AgentConfig
from flowray.handlers.agents.journal import Journal, ToolCall
from flowray.handlers.ai.completion import usage_view
from flowray.values import Json, decode_json, encode_json


def record_of(call: ToolCall, outcome: Outcome, now_ms: int) -> dict[str, Any]:
    """A call as ``toolCalls.list`` has it. ``duration`` in ms."""
    record: dict[str, Any] = {
        "id": call.id, "name": call.name, "arguments": call.arguments, "startTime": iso_time(call.started_at or now_ms),
        "endTime": iso_time(now_ms), "duration": max(now_ms - (call.started_at or now_ms), 0),
    }  # fmt: skip
    if outcome.error:
        return {**record, "error": outcome.error, "code": str(outcome.code)}
    return {**record, "result": outcome.value}


def result_text(outcome: Outcome, limit: int) -> str:
    """What the model reads of a call. A text stays as it is; anything else is JSON."""
    if outcome.error:
        return cut(encode_json({"error": outcome.error, "code": str(outcome.code)}).decode(), limit)
    value = outcome.value
    return cut(value if isinstance(value, str) else encode_json(value).decode(), limit)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, and how many more there were."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters are left out)"


def final_output(journal: Journal, config: AgentConfig, reason: str, result: Json = None) -> dict[str, Any]:
    """The output. ``result``: of the tool that ended the agent, as ``{"result": …}``."""
    usage = journal.usage
    content = journal.text
    if isinstance(result, dict):
        value = result["result"]
        content = value if isinstance(value, str) else encode_json(value).decode()
    tokens = {
        "input": usage.input_tokens, "output": usage.output_tokens, "prompt": usage.input_tokens,
        "completion": usage.output_tokens, "total": usage.input_tokens + usage.output_tokens,
    }  # fmt: skip
    output: dict[str, Any] = {
        "content": content, "text": content, "model": journal.model, "provider": journal.provider, "tokens": tokens,
        "usage": usage_view(usage), "toolCalls": {"list": journal.records, "count": len(journal.records)},
        "iterations": journal.iterations, "stopReason": reason,
    }  # fmt: skip
    if usage.cost is not None:
        output["cost"] = {"total": usage.cost, "currency": usage.currency}
    if config.output_schema is None:
        return output
    data = result["result"] if isinstance(result, dict) else _parsed(content)
    return {**(data if isinstance(data, dict) else {}), **output, "data": data}


def _parsed(text: str) -> Json:
    try:
        return decode_json(text)
    except ValueError:
        return None  # It was stopped before it had an answer.
