"""An MCP server as a provider: its tools are its operations. The protocol is spoken by ``Services.mcp``."""

from __future__ import annotations

from collections.abc import Mapping

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.authentication import authenticated
from flowray.handlers.mcp import McpTools
from flowray.handlers.operations import Operation, OperationCall
from flowray.values import Json

MESSAGE_CHARS = 500


class McpProvider:
    """``server``: its name in the settings, or the URL of its endpoint, for which a connection authenticates."""

    is_sandbox = False

    def __init__(self, name: str, server: str, mcp: McpTools, connection: Connection | None = None) -> None:
        self.name = name
        self._server = server
        self._mcp = mcp
        self._headers = _headers(connection)

    async def operations(self) -> Mapping[str, Operation]:
        """As the server lists its tools now. Raises what asking it raises."""
        tools = await self._mcp.list_tools(self._server, self._headers)
        return {
            tool.name: Operation(
                tool.name, tool.description, tool.input_schema, reads_only=tool.read_only, experimental=False
            )
            for tool in tools
        }  # fmt: skip

    async def call(self, call: OperationCall) -> Json:
        """What the tool answers: its structured value, else its text. Raises PROVIDER_REJECTED if it says that it
        failed.
        """
        answer = await self._mcp.call_tool(
            self._server, call.operation.name, call.parameters, timeout_ms=call.timeout_ms, headers=self._headers
        )
        if answer.is_error:
            raise FlowrayError(
                ErrorCode.PROVIDER_REJECTED,
                f"{self.name} {call.operation.name} failed: {answer.text[:MESSAGE_CHARS]}",
                details={"provider": self.name, "operation": call.operation.name},
            )
        return answer.value


def _headers(connection: Connection | None) -> dict[str, str] | None:
    if connection is None or connection.kind in (ConnectionKind.CUSTOM, ConnectionKind.SANDBOX):
        return None
    return dict(authenticated(connection)[0])
