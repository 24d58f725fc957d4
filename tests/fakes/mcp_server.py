"""A real MCP server for tests, by the official SDK: on stdio (``python -m tests.fakes.mcp_server``) and over HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

READ_ONLY = ToolAnnotations(read_only_hint=True)


def server(calls: list[tuple[str, dict[str, Any]]] | None = None) -> MCPServer:
    """``add`` two numbers, ``greet`` by name, ``fail`` on request, ``sleep``, ``remember`` a word, ``environment``."""
    made = calls if calls is not None else []
    mcp = MCPServer("toolbox", log_level="CRITICAL")

    @mcp.tool(annotations=READ_ONLY)
    def add(a: float, b: float) -> float:
        """Add two numbers."""
        made.append(("add", {"a": a, "b": b}))
        return a + b

    @mcp.tool(annotations=READ_ONLY, structured_output=False)
    def greet(name: str) -> str:
        """Say hello."""
        made.append(("greet", {"name": name}))
        return f"Hello, {name}!"

    @mcp.tool(structured_output=False)
    def remember(word: str) -> str:
        """Keep a word."""
        made.append(("remember", {"word": word}))
        return f"kept {word}"

    @mcp.tool()
    def fail(why: str) -> str:
        """Fail for a reason."""
        raise ToolError(why)

    @mcp.tool()
    async def sleep(seconds: float) -> str:
        """Take a while."""
        await asyncio.sleep(seconds)
        return "slept"

    @mcp.tool(structured_output=False)
    def environment(name: str) -> str:
        """A variable of this process."""
        return os.environ.get(name, "")

    @mcp.tool(structured_output=False)
    def leave() -> str:
        """End this process in the middle of the call."""
        os._exit(3)

    return mcp


class _Guarded:
    """Refuses requests without the token."""

    def __init__(self, app: ASGIApp, token: str, seen: list[dict[str, str]]) -> None:
        self._app, self._token, self._seen = app, token, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self._seen.append({**headers, ":method": scope["method"]})
            if self._token and headers.get("authorization") != f"Bearer {self._token}":
                await JSONResponse({"error": "unauthorized"}, 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class HttpServer:
    """A running server: its ``url``, the ``calls`` of its tools, and the ``requests`` it got, as headers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[dict[str, str]] = []


@contextmanager
def running_over_http(token: str = "", *, stateless: bool = False) -> Iterator[HttpServer]:
    """The server on a loopback port that the system chooses, in a thread."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        found = HttpServer(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
        app = server(found.calls).streamable_http_app(stateless_http=stateless)
        config = uvicorn.Config(_Guarded(app, token, found.requests), log_level="error", lifespan="on", ws="none")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            running.should_exit = True
            thread.join(30)


if __name__ == "__main__":
    server().run("stdio")
