"""The tools of an agent as the model sees them: names, schemas, and what stands behind each. Calls none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowray.definition.node_type import Effects, Role
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.agents.config import ToolConfig
from flowray.handlers.handler import NodeInput
from flowray.handlers.mcp import McpTool

NAME_CHARS = 64

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_PLACE = re.compile(r"\{(\w+)\}")
_NO_TOOLS = frozenset({Role.LOOP, Role.PARALLEL, Role.LEAVE, Role.NOTE, Role.SOURCE})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_ANYTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": True}


@dataclass(frozen=True)
class Tool:
    """One function that the model may call. ``node_type`` runs it with ``arguments_as`` its arguments in the config;
    of an MCP server it is ``mcp_tool``. ``reads``: calls change nothing.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    config: ToolConfig
    node_type: str = ""
    mcp_tool: str = ""
    reads: bool = False

    @property
    def function(self) -> dict[str, Any]:
        """The tool in OpenAI's shape."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


async def find_tools(
    node: NodeInput, configs: Sequence[ToolConfig], listed: dict[str, list[dict[str, Any]]]
) -> list[Tool]:
    """All tools. What servers list is kept in ``listed``, and read from there when it is there already.

    Raises UNKNOWN_NODE_TYPE, INVALID_NODE_CONFIG, and as McpTools does.
    """
    tools: list[Tool] = []
    for number, config in enumerate(configs):
        if config.usage_control == "none":
            continue
        if config.mcp_server:
            known = listed.get(str(number))
            if known is None:
                known = listed[str(number)] = await _list(node, config)
            tools += [_of_server(config, one) for one in known]
        else:
            tools.append(_of_node(node, config))
    return _named_apart(tools)


def _named_apart(tools: list[Tool]) -> list[Tool]:
    names = [tool.name for tool in tools]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG, f"several tools of this agent have the name {', '.join(map(repr, twice))}",
            hint="give them names of their own",
        )  # fmt: skip
    return tools


async def _list(node: NodeInput, config: ToolConfig) -> list[dict[str, Any]]:
    assert config.mcp_server is not None
    found = {tool.name: tool for tool in await node.services.mcp.list_tools(config.mcp_server, config.headers)}
    wanted = list(found) if config.tools is None else config.tools
    missing = [name for name in wanted if name not in found]
    if missing:
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG,
            f"the MCP server {config.mcp_server!r} has no tool {missing[0]!r}; it has {', '.join(sorted(found))}",
        )
    return [_listing(found[name]) for name in wanted]


def _listing(tool: McpTool) -> dict[str, Any]:
    return {
        "name": tool.name, "description": tool.description, "parameters": dict(tool.input_schema),
        "reads": tool.read_only,
    }  # fmt: skip


def _of_server(config: ToolConfig, listing: Mapping[str, Any]) -> Tool:
    name = str(listing["name"])
    shown = f"{config.name}_{name}" if config.name and config.tools != [name] else config.name or name
    return Tool(
        name=_fit(shown), description=str(listing.get("description") or config.description),
        parameters=_without(listing["parameters"], config.config), config=config, mcp_tool=name,
        reads=bool(listing.get("reads")) if config.read_only is None else config.read_only,
    )  # fmt: skip


def _of_node(node: NodeInput, config: ToolConfig) -> Tool:
    """A tool that a handler of the registry runs: workflows and HTTP operations are node types, too."""
    node_type, parameters, reads = _behind(config)
    if node.handlers is None or not node.handlers.is_known(node_type):
        raise FlowrayError(
            ErrorCode.UNKNOWN_NODE_TYPE, f"the tool {config.name or node_type!r} is a node type that is not there: "
            f"{node_type!r}", details={"node_type": node_type}, hint="flowray nodes lists those there are",
        )  # fmt: skip
    known = node.handlers.handler_for(node_type).node_type
    if known.role in _NO_TOOLS:
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, f"a node of type {node_type!r} cannot be a tool")
    if parameters is None:
        parameters = _without(known.config_model.model_json_schema(by_alias=True), config.config)
    if reads is None:
        reads = known.effects is not Effects.WRITE
    return Tool(
        name=_fit(config.name or config.operation or config.workflow_id or node_type),
        description=config.description or known.summary,
        parameters=config.parameters or parameters,
        config=config,
        node_type=node_type,
        reads=reads if config.read_only is None else config.read_only,
    )


def _behind(config: ToolConfig) -> tuple[str, Mapping[str, Any] | None, bool | None]:
    """``(node type, schema if it is not that of its config, whether it only reads if that is not the type's)``."""
    if config.workflow_id or config.definition:
        return "subworkflow", _inputs(config.definition), True  # Calling it has no effect but the call.
    if config.url:
        return "http", _http_parameters(config.url, config.method), config.method.upper() in _SAFE_METHODS
    if config.provider:
        return "integration", _ANYTHING, None
    assert config.node_type is not None
    return config.node_type, None, None


def _inputs(definition: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a workflow that is written here says of its inputs."""
    schema = (definition or {}).get("inputSchema") or (definition or {}).get("inputs")
    return schema if isinstance(schema, Mapping) and schema.get("type") == "object" else _ANYTHING


def _http_parameters(url: str, method: str) -> Mapping[str, Any]:
    places = {name: {"type": "string"} for name in _PLACE.findall(url)}
    more = {} if method.upper() in _SAFE_METHODS else {"body": {"description": "The JSON body of the request."}}
    return {
        "type": "object",
        "properties": {**places, **more},
        "required": sorted(places),
        "additionalProperties": True,
    }


def fill_url(url: str, arguments: Mapping[str, Any], quoted: Any) -> tuple[str, dict[str, Any]]:
    """The URL with arguments in its places, each made safe by ``quoted``, and the arguments that had no place."""
    used = set(_PLACE.findall(url))
    filled = _PLACE.sub(lambda found: quoted(str(arguments.get(found[1], ""))), url)
    return filled, {name: value for name, value in arguments.items() if name not in used}


def _without(schema: Mapping[str, Any], fixed: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of what is left to the model."""
    if not fixed:
        return schema
    properties = {name: part for name, part in schema.get("properties", {}).items() if name not in fixed}
    required = [name for name in schema.get("required", ()) if name not in fixed]
    return {**schema, "properties": properties, "required": required}


def _fit(name: str) -> str:
    """A name that providers accept: letters, digits, ``_`` and ``-``, at most 64."""
    return _UNFIT.sub("_", name).strip("_")[:NAME_CHARS] or "tool"
