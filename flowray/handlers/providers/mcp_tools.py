"""McpTools over sessions of the official SDK: one per server and lane, opened at the first call, closed with the lane.

The SDK is imported then, too: most lanes never need it. Its HTTP goes through the lane's own transport.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.extras import load_extra
from flowray.handlers.mcp import CALL_TIMEOUT_MS, McpAnswer, McpTool
from flowray.handlers.services import HttpTransport
from flowray.values import Json

LIST_TIMEOUT_MS = 30_000

MOST_BY_URL = 50
"""Sessions with servers that only workflows name: the one that was idle for longest is closed for a further one."""


@dataclass(frozen=True)
class McpServer:
    """How to reach a server: ``url`` of its streamable HTTP endpoint, or a ``command`` that speaks on stdin and stdout.

    ``headers`` go with every request. ``env`` is added to the few variables that the SDK lets a process have.
    """

    name: str
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None


class McpSession(Protocol):
    """One open connection to a server. ``is_open`` is False once nothing more can come over it."""

    @property
    def is_open(self) -> bool: ...

    async def list_tools(self, timeout_ms: int) -> Sequence[McpTool]: ...

    async def call_tool(self, tool: str, arguments: Mapping[str, Json], timeout_ms: int) -> McpAnswer: ...

    async def close(self) -> None: ...


class OpenSession(Protocol):
    """Connects to a server."""

    async def __call__(self, server: McpServer, http: HttpTransport, timeout_ms: int) -> McpSession: ...


async def open_session(server: McpServer, http: HttpTransport, timeout_ms: int) -> McpSession:
    """A session of the SDK. Raises MISSING_EXTRA without it."""
    load_extra("mcp", "mcp")
    sessions = await asyncio.to_thread(importlib.import_module, "flowray.handlers.providers.mcp_sessions")
    return cast(McpSession, await sessions.connect(server, http, timeout_ms))


class PooledMcpTools:
    """McpTools of one lane; belongs to its event loop."""

    def __init__(
        self, configured: Mapping[str, McpServer], http: HttpTransport, opens: OpenSession = open_session
    ) -> None:
        self._configured = configured
        self._http = http
        self._opens = opens
        self._sessions: dict[McpServerKey, McpSession] = {}
        self._opening: dict[McpServerKey, asyncio.Lock] = {}

    @property
    def servers(self) -> Sequence[str]:
        """Names in the settings."""
        return tuple(self._configured)

    async def list_tools(self, server: str, headers: Mapping[str, str] | None = None) -> Sequence[McpTool]:
        """Asked anew each time: a server may change its tools."""
        session = await self._session(self._found(server, headers), LIST_TIMEOUT_MS)
        return await session.list_tools(LIST_TIMEOUT_MS)

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Json],
        *,
        timeout_ms: int = CALL_TIMEOUT_MS,
        headers: Mapping[str, str] | None = None,
    ) -> McpAnswer:
        """Call a tool."""
        session = await self._session(self._found(server, headers), timeout_ms)
        return await session.call_tool(tool, arguments, timeout_ms)

    def _found(self, server: str, headers: Mapping[str, str] | None) -> McpServer:
        known = self._configured.get(server)
        if known is not None:
            return known
        if server.startswith(("http://", "https://")):
            return McpServer(name=server, url=server, headers=dict(headers or {}))
        listed = ", ".join(sorted(self._configured)) or "none"
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            f"there is no MCP server {server!r}; in the settings are: {listed}",
            details={"server": server},
            hint="name it in FLOWRAY_MCP_SERVERS, or give the URL of its streamable HTTP endpoint",
        )

    async def _session(self, server: McpServer, timeout_ms: int) -> McpSession:
        """The open session with a server, or a new one; whoever asks meanwhile waits for the same."""
        key = _key(server)
        async with self._opening.setdefault(key, asyncio.Lock()):
            session = self._sessions.pop(key, None)
            if session is None or not session.is_open:
                if session is not None:
                    await session.close()
                session = await self._opens(server, self._http, timeout_ms)
            self._sessions[key] = session  # Last among all: the first is the one that was idle for longest.
        await self._close_idle()
        return session

    async def _close_idle(self) -> None:
        by_url = [key for key in self._sessions if key[0] not in self._configured]
        for key in by_url[: max(len(by_url) - MOST_BY_URL, 0)]:
            self._opening.pop(key, None)
            await self._sessions.pop(key).close()

    async def aclose(self) -> None:
        """Close every session, and end the processes behind them."""
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(session.close() for session in sessions), return_exceptions=True)


McpServerKey = tuple[str, tuple[tuple[str, str], ...]]
"""Whoever sends other headers is somebody else to the server."""


def _key(server: McpServer) -> McpServerKey:
    return server.name, tuple(sorted(server.headers.items()))
