"""Sessions with MCP servers by the official SDK, which this module alone imports. Which ones are kept is the pool's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, TextIO

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT, Implementation

from flowray import __version__
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.mcp import McpAnswer, McpTool
from flowray.handlers.providers.mcp_tools import McpServer
from flowray.handlers.services import HttpRequest, HttpTransport
from flowray.values import Json

MOST_PAGES = 100
"""Of a listing: a server that never ends one is broken."""

HTTP_TIMEOUT_MS = 300_000
"""Of one request at most; the calls have limits of their own."""

CLOSE_S = 5.0

_UNAUTHORIZED = frozenset({401, 403})


async def connect(server: McpServer, http: HttpTransport, timeout_ms: int) -> SdkSession:
    """A session that is ready. Raises PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT or PROVIDER_AUTH."""
    session = SdkSession(server, http)
    await session.open(timeout_ms)
    return session


class SdkSession:
    """One session. The SDK wants it opened and closed by the same task, so it has one of its own."""

    def __init__(self, server: McpServer, http: HttpTransport) -> None:
        self._server = server
        self._transport = _Transport(http)
        self._client: Client | None = None
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """False once the connection has ended, or a call has found it broken."""
        return self._task is not None and not self._task.done() and not self._closing.is_set()

    async def open(self, timeout_ms: int) -> None:
        """Connect and shake hands."""
        self._task = asyncio.create_task(self._live(), name=f"mcp {self._server.name}")
        try:
            async with asyncio.timeout(timeout_ms / 1_000):
                self._client = await asyncio.shield(self._ready)
        except TimeoutError:
            await self.close()
            raise self._timed_out("did not answer the handshake", timeout_ms) from None
        except BaseException as error:
            await self.close()
            if isinstance(error, Exception):
                raise self._translated(error, "could not be reached") from error
            raise

    async def _live(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await self._connected(stack))
                if not self._ready.done():
                    self._ready.set_result(client)
                await self._closing.wait()
        except Exception as error:
            if not self._ready.done():
                self._ready.set_exception(error)
                self._ready.exception()  # looked at: the one who waits may be gone
        finally:
            self._closing.set()

    async def _connected(self, stack: AsyncExitStack) -> Client:
        server = self._server
        info = Implementation(name="flowray", version=__version__)
        if server.url is not None:
            client = httpx2.AsyncClient(transport=self._transport, headers=dict(server.headers))
            http_client = await stack.enter_async_context(client)
            return Client(streamable_http_client(server.url, http_client=http_client), client_info=info, cache=None)
        assert server.command is not None
        errlog = stack.enter_context(_nowhere())
        process = StdioServerParameters(
            command=server.command, args=list(server.args), env=dict(server.env), cwd=server.cwd
        )
        return Client(stdio_client(process, errlog), client_info=info, cache=None)

    async def list_tools(self, timeout_ms: int) -> Sequence[McpTool]:
        """All pages of the listing."""
        tools: list[McpTool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            client = self._open_client()
            page = await self._within(client.list_tools(cursor=cursor), timeout_ms, "did not list its tools")
            tools += [_tool(tool) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                return tools
        raise FlowrayError(
            ErrorCode.PROVIDER_ERROR,
            f"the MCP server {self._server.name!r} lists over {MOST_PAGES} pages of tools",
        )

    async def call_tool(self, tool: str, arguments: Mapping[str, Json], timeout_ms: int) -> McpAnswer:
        """One call. What the tool itself calls an error is an answer."""
        call = self._open_client().call_tool(tool, dict(arguments))
        result = await self._within(call, timeout_ms, f"did not answer the call of {tool!r}")
        content = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content]
        text = "\n".join(block["text"] for block in content if block.get("type") == "text")
        return McpAnswer(content, text, result.structured_content, bool(result.is_error))

    def _open_client(self) -> Client:
        if self._client is None or not self.is_open:
            raise self._unreachable("is gone")
        return self._client

    async def _within(self, call: Any, timeout_ms: int, what: str) -> Any:
        """A call that ends with its own time, and with the session."""
        running = asyncio.ensure_future(call)
        closed = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((running, closed), timeout=timeout_ms / 1_000, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            raise self._unreachable("is gone") if closed.done() else self._timed_out(what, timeout_ms)
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                self._closing.set()
            raise self._translated(error, what) from error
        except (OSError, httpx2.HTTPError) as error:
            raise self._translated(error, what) from error
        finally:
            closed.cancel()
            if not running.done():
                running.cancel()
                await asyncio.wait((running,), timeout=CLOSE_S)
            if running.done() and not running.cancelled():
                running.exception()

    async def close(self) -> None:
        """End it; a process that does not go is killed by the SDK."""
        self._closing.set()
        if self._task is None:
            return
        await asyncio.wait((self._task,), timeout=CLOSE_S)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CLOSE_S)

    # -- errors -----------------------------------------------------------------------------------------------------

    def _translated(self, error: Exception, what: str) -> FlowrayError:
        cause = self._transport.failed or _first(error)
        if isinstance(cause, FlowrayError):
            return cause
        status = self._transport.status
        if status in _UNAUTHORIZED:
            return FlowrayError(
                ErrorCode.PROVIDER_AUTH, f"the MCP server {self._server.name!r} answered with status {status}",
                details={"server": self._server.name, "status": status}, hint="look at the headers that it is sent",
            )  # fmt: skip
        if isinstance(cause, MCPError) and cause.code == REQUEST_TIMEOUT:
            return self._timed_out(what, None)
        if isinstance(cause, MCPError) and cause.code != CONNECTION_CLOSED:
            return FlowrayError(
                ErrorCode.PROVIDER_REJECTED, f"the MCP server {self._server.name!r} refused: {cause.message}",
                details={"server": self._server.name, "code": cause.code},
            )  # fmt: skip
        return self._unreachable(f"{what}: {type(cause).__name__}: {cause}")

    def _unreachable(self, what: str) -> FlowrayError:
        return FlowrayError(
            ErrorCode.PROVIDER_UNREACHABLE, f"the MCP server {self._server.name!r} {what}"[:500], retryable=True,
            details={"server": self._server.name},
        )  # fmt: skip

    def _timed_out(self, what: str, timeout_ms: int | None) -> FlowrayError:
        within = "in time" if timeout_ms is None else f"within {timeout_ms} ms"
        return FlowrayError(
            ErrorCode.PROVIDER_TIMEOUT, f"the MCP server {self._server.name!r} {what} {within}", retryable=True,
            details={"server": self._server.name},
        )  # fmt: skip


def _first(error: BaseException) -> BaseException:
    """What is inside a group of exceptions."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _tool(tool: Any) -> McpTool:
    annotations = tool.annotations
    return McpTool(
        name=tool.name,
        description=tool.description or (annotations.title if annotations is not None else None) or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        read_only=bool(annotations is not None and annotations.read_only_hint),
    )


def _nowhere() -> TextIO:
    """For what a server writes to stderr: its own log, which may hold anything."""
    return open(os.devnull, "w", encoding="utf-8")


class _Transport(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests through the lane's HTTP transport, with its guard and its limits.

    Answers are read whole: a server ends its stream with the response. The stream of a server's own messages, which
    never ends, is refused, as servers may refuse it, too.
    """

    def __init__(self, http: HttpTransport) -> None:
        self._http = http
        self.failed: FlowrayError | None = None
        self.status = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(405, request=request)
        sent = HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=[(name, value) for name, value in request.headers.items() if name not in _OWN],
            content=await request.aread() or None,
            timeout_ms=HTTP_TIMEOUT_MS,
            follow_redirects=False,
        )
        try:
            answer = await self._http.send(sent)
        except FlowrayError as error:
            self.failed = error
            raise httpx2.ConnectError(error.message, request=request) from error
        self.failed, self.status = None, answer.status
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OWN]
        return httpx2.Response(answer.status, headers=headers, content=answer.content, request=request)


_OWN = frozenset({"host", "content-length", "connection", "accept-encoding", "content-encoding", "transfer-encoding"})
"""Headers that belong to one connection: the transport has its own, and what it hands over is decoded."""
