"""Integrations for unit tests: providers of functions, and connections in a dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowray.handlers.connections import Connection, connection_not_found
from flowray.handlers.operations import Operation, OperationCall
from flowray.values import Json


@dataclass
class ScriptedProvider:
    """Answers calls by a function; keeps them."""

    name: str
    known: Mapping[str, Operation]
    answer: Callable[[OperationCall], Any]
    is_sandbox: bool = False
    calls: list[OperationCall] = field(default_factory=list)

    async def operations(self) -> Mapping[str, Operation]:
        return self.known

    async def call(self, call: OperationCall) -> Json:
        self.calls.append(call)
        answer: Json = self.answer(call)
        return answer


class GivenConnections:
    """Connections of the workspace ``default``."""

    def __init__(self, *connections: Connection) -> None:
        self._by_name = {connection.name: connection for connection in connections}
        self.asked: list[tuple[str, str]] = []

    async def get(self, workspace_id: str, name: str) -> Connection:
        self.asked.append((workspace_id, name))
        if workspace_id != "default" or name not in self._by_name:
            raise connection_not_found(name)
        return self._by_name[name]
