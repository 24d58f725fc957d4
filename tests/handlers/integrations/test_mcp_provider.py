"""Tools of an MCP server as operations."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.brought import BroughtProviders
from flowray.handlers.integrations.mcp_provider import McpProvider
from flowray.handlers.integrations.openapi.provider import OpenApiProvider
from flowray.handlers.mcp import McpAnswer, McpTool
from flowray.handlers.operations import OperationCall
from tests.fakes.mcp import ScriptedMcp
from tests.fakes.services import NOW_MS, fake_services

SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}}
TOOLS = ScriptedMcp(
    {"box": [McpTool("add", "Adds.", SCHEMA, read_only=True), McpTool("break")]},
    {"add": McpAnswer(structured={"sum": 3}), "break": McpAnswer(text="it broke", is_error=True)},
)


async def test_tools_are_operations_and_answers_results() -> None:
    box = McpProvider("box", "box", TOOLS)
    operations = await box.operations()
    assert (operations["add"].summary, operations["add"].parameters, operations["add"].reads_only) == (
        "Adds.", SCHEMA, True,
    )  # fmt: skip
    assert await box.call(OperationCall(operations["add"], {"a": 1}, lambda: NOW_MS)) == {"sum": 3}
    assert TOOLS.calls == [("box", "add", {"a": 1})]
    with pytest.raises(FlowrayError, match="box break failed: it broke") as caught:
        await box.call(OperationCall(operations["break"], {}, lambda: NOW_MS))
    assert caught.value.code == ErrorCode.PROVIDER_REJECTED


def test_a_connection_brings_a_server_or_a_document_or_nothing() -> None:
    brought = BroughtProviders(fake_services().http, TOOLS)

    def of(**fields: str) -> object:
        return brought(Connection("mine", ConnectionKind.BEARER, fields=fields, secrets={"token": "t"}))

    server = of(mcp="https://tools.example/mcp")
    assert isinstance(server, McpProvider)
    assert server._headers == {"Authorization": "Bearer t"}
    document = of(openapi="https://x/openapi.json")
    assert isinstance(document, OpenApiProvider)
    assert document is of(openapi="https://x/openapi.json")
    assert document.name == "mine"
    assert of() is None
