"""The servers that examples of node types need, started on loopback at the first need of each, and ended together."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from flowray.handlers.providers.fake_openai import create_fake_openai
from tests.databases import postgres_database
from tests.fakes.loopback import loopback_server
from tests.node_examples.http_server import create_example_app


class Servers:
    """Starts what is asked for, once, until it is closed. ``llm_url`` is always there: settings name it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._started: dict[str, dict[str, Any]] = {}
        self.llm_url = self._stack.enter_context(loopback_server(create_fake_openai())) + "/v1"
        self._started["llm"] = {"llmUrl": self.llm_url}

    def addresses(self, need: str) -> dict[str, Any]:
        """The inputs that tell where the server is."""
        if need not in self._started:
            self._started[need] = self._stack.enter_context(_STARTS[need]())
        return self._started[need]

    def close(self) -> None:
        """End all of them."""
        self._stack.close()


@contextmanager
def _http() -> Iterator[dict[str, Any]]:
    with loopback_server(create_example_app()) as url:
        yield {"httpUrl": url}


@contextmanager
def _postgres() -> Iterator[dict[str, Any]]:
    with postgres_database() as url:
        yield {"postgresUrl": url}


@contextmanager
def _files() -> Iterator[dict[str, Any]]:
    """The workspace is the session's own; it has no address."""
    yield {}


@contextmanager
def _smtp() -> Iterator[dict[str, Any]]:
    """Takes every message and forgets it."""
    protocol = importlib.import_module("aiosmtpd.smtp").SMTP
    sink = importlib.import_module("aiosmtpd.handlers").Sink()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="example-smtp", daemon=True)
    thread.start()

    async def begin() -> asyncio.Server:
        return await loop.create_server(lambda: protocol(sink, loop=loop), "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(60)
    try:
        yield {"smtpHost": "127.0.0.1", "smtpPort": server.sockets[0].getsockname()[1]}
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def _mcp() -> Iterator[dict[str, Any]]:
    """A server of two tools, ``add`` and ``greet``, over streamable HTTP."""
    server = importlib.import_module("mcp.server.mcpserver").MCPServer("examples")

    def add(a: int, b: int) -> int:
        """The sum of two numbers."""
        return a + b

    def greet(name: str) -> str:
        """A greeting."""
        return f"Hello, {name}!"

    server.tool()(add)
    server.tool()(greet)
    with loopback_server(server.streamable_http_app(stateless_http=True), lifespan="on") as url:
        yield {"mcpUrl": f"{url}/mcp"}


_STARTS: dict[str, Callable[[], AbstractContextManager[dict[str, Any]]]] = {
    "http": _http, "postgres": _postgres, "files": _files, "smtp": _smtp, "mcp": _mcp,
}  # fmt: skip
