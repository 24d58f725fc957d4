"""McpTools for unit tests: tools and answers from a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowray.errors import FlowrayError
from flowray.handlers.mcp import McpAnswer, McpTool
from flowray.values import Json


@dataclass
class ScriptedMcp:
    """``tools`` by server; ``answers`` by tool, an error is raised. Keeps its ``calls``."""

    tools: Mapping[str, Sequence[McpTool]] = field(default_factory=dict)
    answers: Mapping[str, McpAnswer | FlowrayError] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def servers(self) -> Sequence[str]:
        return tuple(self.tools)

    async def list_tools(self, server: str, headers: Mapping[str, str] | None = None) -> Sequence[McpTool]:
        return self.tools[server]

    async def call_tool(
        self, server: str, tool: str, arguments: Mapping[str, Json], *, timeout_ms: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> McpAnswer:  # fmt: skip
        self.calls.append((server, tool, dict(arguments)))
        answer = self.answers[tool]
        if isinstance(answer, FlowrayError):
            raise answer
        return answer
