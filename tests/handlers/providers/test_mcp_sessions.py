"""The official SDK against a real server, as a process and over HTTP on loopback."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.mcp import McpTool
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.providers.mcp_tools import McpServer, PooledMcpTools

pytest.importorskip("mcp")

from tests.fakes.mcp_server import HttpServer, running_over_http

ROOT = Path(__file__).parents[3]
PROCESS = McpServer(
    "process", command=sys.executable, args=("-m", "tests.fakes.mcp_server"), cwd=str(ROOT), env={"TOLD": "yes"}
)


@pytest.fixture(scope="module")
def over_http() -> Iterator[HttpServer]:
    with running_over_http("open sesame") as server:
        yield server


@pytest.fixture
async def tools(over_http: HttpServer) -> AsyncIterator[PooledMcpTools]:
    http = AiohttpTransport(allow_private=True)
    web = McpServer("web", url=over_http.url, headers={"Authorization": "Bearer open sesame"})
    gone = McpServer("gone", command=str(ROOT / "no-such-program"))
    pool = PooledMcpTools({"process": PROCESS, "web": web, "gone": gone}, http)
    yield pool
    await pool.aclose()
    await http.aclose()


async def _code(tools: PooledMcpTools, server: str, tool: str, **fields: object) -> tuple[ErrorCode, bool]:
    with pytest.raises(FlowrayError) as raised:
        await tools.call_tool(server, tool, {}, **fields)  # type: ignore[arg-type]
    return raised.value.code, raised.value.retryable


@pytest.mark.parametrize("server", ["process", "web"])
async def test_tools_are_listed_with_their_schemas_and_called(tools: PooledMcpTools, server: str) -> None:
    listed = {tool.name: tool for tool in await tools.list_tools(server)}
    add = listed["add"]
    assert (add.description, add.read_only, listed["remember"].read_only) == ("Add two numbers.", True, False)
    assert set(add.input_schema["properties"]) == {"a", "b"}
    assert isinstance(add, McpTool)
    assert (await tools.call_tool(server, "add", {"a": 2, "b": 3})).structured == {"result": 5.0}
    greeted = await tools.call_tool(server, "greet", {"name": "Ann"})
    assert (greeted.text, greeted.value, greeted.is_error) == ("Hello, Ann!", "Hello, Ann!", False)


@pytest.mark.parametrize("server", ["process", "web"])
async def test_what_a_tool_calls_an_error_is_an_answer(tools: PooledMcpTools, server: str) -> None:
    answer = await tools.call_tool(server, "fail", {"why": "no ink"})
    assert (answer.is_error, "no ink" in answer.text) == (True, True)


@pytest.mark.parametrize("server", ["process", "web"])
async def test_a_call_that_takes_too_long_leaves_the_session_as_it_is(tools: PooledMcpTools, server: str) -> None:
    await tools.list_tools(server)
    with pytest.raises(FlowrayError, match="within 50 ms") as raised:
        await tools.call_tool(server, "sleep", {"seconds": 600}, timeout_ms=50)
    assert (raised.value.code, raised.value.retryable) == (ErrorCode.PROVIDER_TIMEOUT, True)
    assert (await tools.call_tool(server, "greet", {"name": "Bob"})).text == "Hello, Bob!"


async def test_a_process_sees_what_it_is_told_and_not_the_environment_of_the_lane(
    tools: PooledMcpTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWRAY_TEST_SECRET", "s3cret")
    told = await tools.call_tool("process", "environment", {"name": "TOLD"})
    hidden = await tools.call_tool("process", "environment", {"name": "FLOWRAY_TEST_SECRET"})
    assert (told.text, hidden.text) == ("yes", "")


async def test_a_process_that_ends_during_a_call_is_unreachable_and_started_anew(tools: PooledMcpTools) -> None:
    assert await _code(tools, "process", "leave", timeout_ms=60_000) == (ErrorCode.PROVIDER_UNREACHABLE, True)
    assert (await tools.call_tool("process", "greet", {"name": "again"})).text == "Hello, again!"


async def test_a_program_that_is_not_there_is_unreachable(tools: PooledMcpTools) -> None:
    assert await _code(tools, "gone", "add") == (ErrorCode.PROVIDER_UNREACHABLE, True)


async def test_a_server_that_nobody_runs_is_unreachable(tools: PooledMcpTools) -> None:
    assert await _code(tools, "http://127.0.0.1:9/mcp", "add") == (ErrorCode.PROVIDER_UNREACHABLE, True)


async def test_a_wrong_token_is_an_error_of_its_own(tools: PooledMcpTools, over_http: HttpServer) -> None:
    with pytest.raises(FlowrayError, match="status 401") as raised:
        await tools.list_tools(over_http.url, {"Authorization": "Bearer open barley"})
    assert raised.value.code == ErrorCode.PROVIDER_AUTH
    assert "barley" not in raised.value.message


async def test_requests_go_through_the_transport_of_the_lane(over_http: HttpServer) -> None:
    """What the transport forbids, no MCP server is reached by."""
    http = AiohttpTransport(allow_private=False)
    pool = PooledMcpTools({}, http)
    before = len(over_http.requests)
    with pytest.raises(FlowrayError) as raised:
        await pool.list_tools(over_http.url)
    await pool.aclose()
    await http.aclose()
    assert (raised.value.code, len(over_http.requests)) == (ErrorCode.FORBIDDEN, before)
