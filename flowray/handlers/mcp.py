"""MCP servers as handlers see them: named tools with schemas, and what a call of one answers. Speaks no protocol.

Servers are named in the settings, or meant by the URL of their streamable HTTP endpoint; a workflow starts no process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import Json

CALL_TIMEOUT_MS = 60_000


@dataclass(frozen=True)
class McpTool:
    """A tool of a server. Schemas are JSON Schema. ``read_only``: it says of itself that it changes nothing."""

    name: str
    description: str = ""
    input_schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    output_schema: Mapping[str, Any] | None = None
    read_only: bool = False


@dataclass(frozen=True)
class McpAnswer:
    """What a call came to. ``content``: its blocks, as the protocol has them; ``text``: those of text, joined by line
    breaks; ``structured``: the JSON value, if the tool gives one. ``is_error``: the tool says that it has failed.
    """

    content: Sequence[Mapping[str, Any]] = ()
    text: str = ""
    structured: Json = None
    is_error: bool = False

    @property
    def value(self) -> Json:
        """The answer as one value: the structured one, else the text, else the blocks."""
        if self.structured is not None:
            return self.structured
        return self.text if self.text or not self.content else [dict(block) for block in self.content]


class McpTools(Protocol):
    """The tools of MCP servers. Errors are FlowrayError: CONFIGURATION for an unknown server, MISSING_EXTRA,
    PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT, PROVIDER_AUTH, or PROVIDER_REJECTED for a call that the server refuses.
    """

    @property
    def servers(self) -> Sequence[str]:
        """Names of the servers in the settings."""
        ...

    async def list_tools(self, server: str, headers: Mapping[str, str] | None = None) -> Sequence[McpTool]:
        """All tools of a server, by its name or URL. ``headers`` go with a URL only, as in ``call_tool``."""
        ...

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Json],
        *,
        timeout_ms: int = CALL_TIMEOUT_MS,
        headers: Mapping[str, str] | None = None,
    ) -> McpAnswer:
        """Call a tool, once: whether one that broke off had its effect is unknown. Cancelling it tells the server."""
        ...


class NoMcpTools:
    """Of a lane that was given none."""

    servers: Sequence[str] = ()

    async def list_tools(self, server: str, headers: Mapping[str, str] | None = None) -> Sequence[McpTool]:
        raise _none(server)

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Json],
        *,
        timeout_ms: int = CALL_TIMEOUT_MS,
        headers: Mapping[str, str] | None = None,
    ) -> McpAnswer:
        raise _none(server)


def _none(server: str) -> FlowrayError:
    return FlowrayError(ErrorCode.CONFIGURATION, f"this lane has no access to MCP servers, so not to {server!r}")
