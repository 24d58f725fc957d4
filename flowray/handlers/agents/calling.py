"""Carries out one call of a tool, and says what it came to. Which calls run when is the loop's business."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import msgspec

from flowray.engine.signals import Signals, Usage, VariableOperation
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.agents.journal import ToolCall
from flowray.handlers.agents.tools import Tool, fill_url
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import parse_config
from flowray.values import Json, encode_json


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a ``value``, an ``error``, or ``signals`` of something that has to be awaited first."""

    value: Json = None
    error: str = ""
    code: str = ""
    signals: Signals | None = None
    variables: tuple[VariableOperation, ...] = ()
    usage: Usage | None = None


async def call(node: NodeInput, tool: Tool, call: ToolCall) -> Outcome:
    """Call it once, within its time. An error of the tool is an outcome; only a cancellation is raised."""
    arguments = {**call.arguments, **(tool.config.config if tool.mcp_tool else {})}
    try:
        async with asyncio.timeout(tool.config.timeout_ms / 1_000):
            if tool.mcp_tool:
                return await _of_server(node, tool, arguments)
            return await _of_node(node, tool, call)
    except TimeoutError:
        return Outcome(error=f"no answer within {tool.config.timeout_ms} ms", code=ErrorCode.NODE_TIMEOUT)
    except FlowrayError as error:
        return Outcome(error=error.message, code=error.code)
    except Exception as error:
        # A tool is code of anybody's: the model is told, and the log has it as the result of the call.
        return Outcome(error=f"{type(error).__name__}: {error}", code=ErrorCode.NODE_FAILED)


async def _of_server(node: NodeInput, tool: Tool, arguments: Mapping[str, Json]) -> Outcome:
    config = tool.config
    assert config.mcp_server is not None
    answer = await node.services.mcp.call_tool(
        config.mcp_server, tool.mcp_tool, arguments, timeout_ms=config.timeout_ms, headers=config.headers
    )
    if answer.is_error:
        return Outcome(error=answer.text or "the tool failed", code=ErrorCode.PROVIDER_ERROR)
    return Outcome(value=answer.value)


async def _of_node(node: NodeInput, tool: Tool, call: ToolCall) -> Outcome:
    """As a node of that type would run, but for templates: what a model writes is no reference to anything."""
    assert node.handlers is not None
    handler = node.handlers.handler_for(tool.node_type)
    config = _config(tool, call.arguments)
    inner = replace(
        node, node_type=tool.node_type, config=config, raw_config=config, step=0, journal=None, answer=None,
        parsed=parse_config(handler.node_type.config_model, config, tool.node_type), emit_token=_say_nothing,
        names=msgspec.structs.replace(node.names, env={}, secrets={}), timeout_ms=tool.config.timeout_ms,
    )  # fmt: skip
    if asyncio.iscoroutinefunction(handler.execute):
        result = await handler.execute(inner)
    else:
        result = await asyncio.to_thread(handler.execute, inner)
        if asyncio.iscoroutine(result):
            result = await result
    return _outcome(tool, result)


def _outcome(tool: Tool, result: Any) -> Outcome:
    if not isinstance(result, NodeResult):
        return Outcome(error=f"{tool.name} returned no result", code=ErrorCode.NODE_FAILED)
    if not result.success:
        error = result.error
        return Outcome(
            error=error.message if error is not None else "the tool failed", usage=result.usage,
            code=error.code if error is not None else ErrorCode.NODE_FAILED,
        )  # fmt: skip
    signals = result.signals
    waits = Signals(pause=signals.pause, wait=signals.wait, child=signals.child)
    if signals.step is not None:
        return Outcome(error=f"{tool.name} works in steps and cannot be a tool", code=ErrorCode.SIGNAL_UNSUPPORTED)
    return Outcome(
        value=result.data, signals=waits if waits != Signals() else None, variables=result.variables,
        usage=result.usage or (result.streaming.usage if result.streaming is not None else None),
    )  # fmt: skip


def _config(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the node behind a tool. What is fixed wins over what the model says."""
    own = tool.config
    if tool.node_type == "subworkflow" and (own.workflow_id or own.definition):
        target = {"workflowId": own.workflow_id} if own.workflow_id else {"definition": own.definition}
        return {**target, "version": own.version, "inputs": {**arguments, **own.config}}
    if own.url:
        return _http_config(tool, {**arguments, **own.config})
    if own.provider:
        parameters = {**arguments, **own.config}
        named = {"provider": own.provider, "operation": own.operation, "connectionId": own.connection_id}
        return {**{key: value for key, value in named.items() if value}, "parameters": parameters}
    return {**arguments, **own.config}


def _http_config(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    own = tool.config
    assert own.url is not None
    url, rest = fill_url(own.url, arguments, lambda text: quote(text, safe=""))
    headers = [{"key": name, "value": value} for name, value in own.headers.items()]
    config: dict[str, Any] = {
        "method": own.method.upper(), "url": url, "headers": headers, "failOnStatus": True, "timeoutMs": own.timeout_ms,
    }  # fmt: skip
    body = rest.pop("body", None)
    if own.method.upper() in ("GET", "HEAD"):
        config["queryParams"] = [{"key": name, "value": _text(value)} for name, value in rest.items()]
    else:
        config |= {"bodyType": "json", "body": body if body is not None else rest}
    return config


def _text(value: Json) -> str:
    return value if isinstance(value, str) else encode_json(value).decode()


def _say_nothing(text: str, tokens: int = 1) -> None:
    """The stream of an agent is its own words."""
