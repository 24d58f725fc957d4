"""Which sessions there are, and for how long. What goes over them: test_mcp_sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.mcp import McpAnswer, McpTool
from flowray.handlers.providers.mcp_tools import MOST_BY_URL, McpServer, PooledMcpTools
from tests.fakes.services import ScriptedHttp


class Session:
    def __init__(self, server: McpServer) -> None:
        self.server = server
        self.is_open = True
        self.calls: list[tuple[str, dict[str, Any], int]] = []

    async def list_tools(self, timeout_ms: int) -> Sequence[McpTool]:
        return [McpTool(self.server.name)]

    async def call_tool(self, tool: str, arguments: Mapping[str, Any], timeout_ms: int) -> McpAnswer:
        self.calls.append((tool, dict(arguments), timeout_ms))
        return McpAnswer(text="done")

    async def close(self) -> None:
        self.is_open = False


class Town:
    """A pool whose sessions are kept here."""

    def __init__(self, *servers: McpServer) -> None:
        self.opened: list[Session] = []
        http: Any = ScriptedHttp(lambda request: None)  # type: ignore[arg-type, return-value]
        self.pool = PooledMcpTools({server.name: server for server in servers}, http, self._open)

    async def _open(self, server: McpServer, http: Any, timeout_ms: int) -> Session:
        await asyncio.sleep(0)
        self.opened.append(Session(server))
        return self.opened[-1]


BOX = McpServer("box", command="box")


async def test_calls_at_once_share_one_session() -> None:
    town = Town(BOX)
    answers = await asyncio.gather(*(town.pool.call_tool("box", "t", {"n": n}, timeout_ms=9) for n in range(3)))
    assert [answer.text for answer in answers] == ["done"] * 3
    [session] = town.opened
    assert session.calls == [("t", {"n": n}, 9) for n in range(3)]
    assert town.pool.servers == ("box",)


async def test_a_broken_session_is_closed_and_replaced_by_the_next_call() -> None:
    town = Town(BOX)
    await town.pool.list_tools("box")
    town.opened[0].is_open = False
    await town.pool.list_tools("box")
    assert [session.is_open for session in town.opened] == [False, True]


async def test_a_server_may_be_meant_by_its_url_with_headers_of_its_own() -> None:
    town = Town(BOX)
    for token in ("a", "b", "a"):
        await town.pool.list_tools("https://tools.example/mcp", {"Authorization": token})
    assert [session.server.headers for session in town.opened] == [{"Authorization": "a"}, {"Authorization": "b"}]


async def test_headers_of_a_workflow_do_not_go_to_a_server_of_the_settings() -> None:
    town = Town(McpServer("box", url="http://box/mcp", headers={"Authorization": "ours"}))
    await town.pool.list_tools("box", {"Authorization": "theirs"})
    assert town.opened[0].server.headers == {"Authorization": "ours"}


@pytest.mark.parametrize("name", ["bax", "", "/bin/sh", "file:///etc/passwd"])
async def test_an_unknown_server_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(FlowrayError, match="in the settings are: box") as raised:
        await Town(BOX).pool.call_tool(name, "t", {})
    assert raised.value.code == ErrorCode.CONFIGURATION


async def test_sessions_with_servers_of_workflows_are_bounded_and_those_of_the_settings_stay() -> None:
    town = Town(BOX)
    await town.pool.list_tools("box")
    for number in range(MOST_BY_URL + 1):
        await town.pool.list_tools(f"http://host{number}/mcp")
    assert [session.is_open for session in town.opened] == [True, False] + [True] * MOST_BY_URL


async def test_the_end_of_the_lane_closes_all_sessions() -> None:
    town = Town(BOX)
    await town.pool.list_tools("box")
    await town.pool.list_tools("http://other/mcp")
    await town.pool.aclose()
    assert [session.is_open for session in town.opened] == [False, False]
