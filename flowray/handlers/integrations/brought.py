"""Providers that a connection brings with it: the URL of an OpenAPI document, or an MCP server."""

from __future__ import annotations

from flowray.handlers.connections import Connection
from flowray.handlers.integrations.mcp_provider import McpProvider
from flowray.handlers.integrations.openapi.provider import OpenApiProvider, remote
from flowray.handlers.mcp import McpTools
from flowray.handlers.operations import Provider
from flowray.handlers.services import HttpTransport

MOST_DOCUMENTS = 100


class BroughtProviders:
    """Makes them of the fields ``openapi`` and ``mcp``. A document is read once in a lane's life."""

    def __init__(self, http: HttpTransport, mcp: McpTools) -> None:
        self._http = http
        self._mcp = mcp
        self._documents: dict[tuple[str, str], OpenApiProvider] = {}

    def __call__(self, connection: Connection) -> Provider | None:
        """None for a connection that brings none."""
        name = connection.provider or connection.name
        if connection.fields.get("mcp"):
            return McpProvider(name, connection.fields["mcp"], self._mcp, connection)
        url = connection.fields.get("openapi")
        if not url:
            return None
        found = self._documents.get((name, url))
        if found is None:
            if len(self._documents) >= MOST_DOCUMENTS:
                self._documents.clear()
            found = self._documents[name, url] = remote(name, url, self._http)
        return found
