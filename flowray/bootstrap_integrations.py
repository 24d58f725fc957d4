"""The integrations of a lane, made of Settings: what is live, and what the sandbox answers from."""

from __future__ import annotations

from collections import ChainMap

from flowray.handlers.integrations.brought import BroughtProviders
from flowray.handlers.integrations.catalogue import Catalogue
from flowray.handlers.integrations.directory import ProviderDirectory
from flowray.handlers.integrations.mcp_provider import McpProvider
from flowray.handlers.integrations.naming import slug
from flowray.handlers.integrations.sandbox.fixtures import FixtureFolder, FixtureSource, own_replies
from flowray.handlers.mcp import McpTools, NoMcpTools
from flowray.handlers.services import HttpTransport
from flowray.settings import Settings

NO_MCP = NoMcpTools()


def build_integrations(settings: Settings, http: HttpTransport, mcp: McpTools = NO_MCP) -> ProviderDirectory:
    """Everything is read when it is first asked for: most lanes never do."""
    recorded: list[FixtureSource] = [own_replies()]
    if settings.sandbox_fixtures_dir is not None:
        recorded.insert(0, FixtureFolder(settings.sandbox_fixtures_dir))
    servers = {slug(name): McpProvider(slug(name), name, mcp) for name in mcp.servers}
    return ProviderDirectory(
        ChainMap(Catalogue(http, settings.integrations_dir), servers),  # type: ignore[arg-type]
        recorded,
        everything_sandboxed=settings.integrations == "sandbox",
        by_connection=[BroughtProviders(http, mcp)],
    )
