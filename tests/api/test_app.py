"""The app opens what it runs on when it starts, and closes only what it has opened."""

from __future__ import annotations

import httpx

from flowray import __version__
from flowray.api.app import create_app, installed_version
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.handlers.registry import default_registry
from tests.api.conftest import GREET
from tests.api.fake_directory import FakeDirectory, complete


async def test_a_directory_made_at_start_is_closed_at_the_end() -> None:
    made: list[FakeDirectory] = []

    async def open_directory() -> FakeDirectory:
        made.append(FakeDirectory(complete))
        return made[-1]

    app = create_app(AppServices(open_directory, default_registry(plugins=False), PublicTokens("x" * 16)))
    assert made == []
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://flowray") as http:
            body = {"definition": GREET, "inputs": {"name": "Ada"}}
            assert (await http.post("/v1/executions", json=body)).status_code == 202
        assert made[0].closed is False
    assert made[0].closed is True


async def test_a_directory_that_is_given_stays_open() -> None:
    directory = FakeDirectory()
    app = create_app(AppServices(directory, default_registry(plugins=False), PublicTokens("x" * 16)))
    async with app.router.lifespan_context(app):
        pass
    assert directory.closed is False


def test_the_app_has_the_version_of_the_package() -> None:
    assert installed_version() == __version__
