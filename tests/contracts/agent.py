"""The contract of ``agent``: a model over HTTP, and tools of a real MCP server as a process and over HTTP."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flowray.bootstrap_services import build_services
from flowray.errors import ErrorCode
from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.settings import McpServerSettings, Settings
from tests.contracts.contract import Case, Contract, World
from tests.fakes.loopback import loopback_server
from tests.fakes.mcp_server import running_over_http
from tests.fakes.services import MemoryPayloads

ROOT = Path(__file__).parents[2]
SCHEMA = {"type": "object", "required": ["sum"], "properties": {"sum": {"type": "number"}}}


def calls(*wanted: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A scripted turn of the model."""
    return {"toolCalls": [{"name": name, "arguments": arguments} for name, arguments in wanted]}


TURNS = {
    "by process": {"turns": [calls(("box_add", {"a": 2, "b": 3})), "The sum is 5."]},
    "over http": {"turns": [calls(("greet", {"name": "Ann"}), ("add", {"a": 1, "b": 1})), "Greeted."]},
    "as json": {"turns": [calls(("add", {"a": 20, "b": 22})), {"sum": 42}]},
    "with an error": {"turns": [calls(("fail", {"why": "no ink"})), "It failed."]},
    "for ever": {"turns": [calls(("fail", {"why": "no ink"}))]},
}


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    fake = create_fake_openai()
    fake.state.fake.script(TURNS)
    process = McpServerSettings(command=sys.executable, args=["-m", "tests.fakes.mcp_server"], cwd=str(ROOT))
    with loopback_server(fake) as url, running_over_http() as web:
        settings = Settings(llm_base_url=f"{url}/v1", llm_default_model="fake-model", mcp_servers={"box": process})
        by_process = [{"mcpServer": "box", "name": "box"}]
        over_http = [{"mcpServer": web.url}]
        yield World(
            build_services(settings, MemoryPayloads()),
            [
                Case("no tools", {"prompt": "Say hello."}, _says("You asked: Say hello.")),
                Case("a process", {"prompt": "Add by process", "tools": by_process}, _called("The sum is 5.", 5.0)),
                Case("HTTP", {"prompt": "Go over http", "tools": over_http}, _called("Greeted.", "Hello, Ann!", 2.0)),
                Case("a schema", {"prompt": "Add as json", "tools": over_http, "outputSchema": SCHEMA}, _sum),
                Case("a tool fails", {"prompt": "Try with an error", "tools": over_http}, _told),
                Case("too often", {"prompt": "Try for ever", "tools": over_http, "maxToolErrors": 1},
                     _code(ErrorCode.NODE_FAILED), fails=True),
                Case("no key", {"prompt": "x", "model": "fake-401"}, _code(ErrorCode.PROVIDER_AUTH), fails=True),
            ],
        )  # fmt: skip


def _says(text: str) -> Any:
    def check(output: Any) -> None:
        assert output["content"].startswith(text)
        assert (output["stopReason"], output["toolCalls"]["count"]) == ("answer", 0)

    return check


def _called(text: str, *results: Any) -> Any:
    def check(output: Any) -> None:
        found = [record["result"] for record in output["toolCalls"]["list"]]
        assert [entry["result"] if isinstance(entry, dict) else entry for entry in found] == list(results)
        assert (output["content"], output["iterations"], output["tokens"]["total"] > 0) == (text, 2, True)

    return check


def _sum(output: Any) -> None:
    assert (output["data"], output["sum"]) == ({"sum": 42}, 42)


def _told(output: Any) -> None:
    [record] = output["toolCalls"]["list"]
    assert "no ink" in record["error"]
    assert output["content"] == "It failed."


def _code(code: ErrorCode) -> Any:
    def check(error: Any) -> None:
        assert error.code == code

    return check


def _missing() -> str | None:
    return None if find_spec("mcp") is not None else "the mcp package is not installed"


CONTRACTS = [
    Contract("agent", "the fake OpenAI server; an MCP server as a process and over streamable HTTP", _world, _missing)
]
