"""Calls that take executions from one server to another, for both clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from flowray import wire
from flowray.client.call import JSON, AsyncSender, Call, Sender, json_body, path, reading


def export_execution(execution_id: str) -> Call[dict[str, Any]]:
    """The document as it came, for whoever reads it later."""
    return Call("GET", path("executions", execution_id, "export"), _document)


def import_execution(document: Mapping[str, Any]) -> Call[wire.Execution]:
    """Repeatable: what was imported before is known again."""
    return Call("POST", path("executions", "import"), reading(wire.Execution), {}, json_body(document), JSON)


def _document(response: httpx.Response) -> dict[str, Any]:
    return dict(response.json())


class Snapshots:
    """Takes executions from one server to another."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def export(self, execution_id: str) -> dict[str, Any]:
        """All that is recorded of an execution, tokens too. Raises CONFLICT as long as something in it runs."""
        return self._client.send(export_execution(execution_id))

    def import_(self, document: Mapping[str, Any]) -> wire.Execution:
        """Let it go on here. Raises CONFLICT if another execution has its id, UNSUPPORTED_VERSION, INVALID_REQUEST."""
        return self._client.send(import_execution(document))


class AsyncSnapshots:
    """As ``Snapshots``."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def export(self, execution_id: str) -> dict[str, Any]:
        """All that is recorded of an execution, tokens too. Raises CONFLICT as long as something in it runs."""
        return await self._client.send(export_execution(execution_id))

    async def import_(self, document: Mapping[str, Any]) -> wire.Execution:
        """Let it go on here. Raises CONFLICT if another execution has its id, UNSUPPORTED_VERSION, INVALID_REQUEST."""
        return await self._client.send(import_execution(document))
