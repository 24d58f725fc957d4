"""The integrations of a lane, made of Settings: what is live, and what the sandbox answers from."""

from __future__ import annotations

from flowray.handlers.integrations.catalogue import Catalogue
from flowray.handlers.integrations.directory import ProviderDirectory
from flowray.handlers.integrations.sandbox.fixtures import FixtureFolder, FixtureSource, own_replies
from flowray.handlers.services import HttpTransport
from flowray.settings import Settings


def build_integrations(settings: Settings, http: HttpTransport) -> ProviderDirectory:
    """Everything is read when it is first asked for: most lanes never do."""
    recorded: list[FixtureSource] = [own_replies()]
    if settings.sandbox_fixtures_dir is not None:
        recorded.insert(0, FixtureFolder(settings.sandbox_fixtures_dir))
    live = Catalogue(http, settings.integrations_dir)
    return ProviderDirectory(live, recorded, everything_sandboxed=settings.integrations == "sandbox")
