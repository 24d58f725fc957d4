"""Real servers on 127.0.0.1 for the tests of providers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowray.handlers.providers.fake_openai import FakeOpenAI, create_fake_openai
from tests.fakes.http_app import create_http_app
from tests.fakes.loopback import loopback_server


@pytest.fixture(scope="module")
def http_server() -> Iterator[str]:
    """Base URL of the echo server."""
    with loopback_server(create_http_app()) as url:
        yield url


@pytest.fixture(scope="module")
def _fake_server() -> Iterator[tuple[str, FakeOpenAI]]:
    app = create_fake_openai()
    with loopback_server(app) as url:
        yield url, app.state.fake


@pytest.fixture
def fake_openai(_fake_server: tuple[str, FakeOpenAI]) -> tuple[str, FakeOpenAI]:
    """``(base URL, state)`` of a fake OpenAI server with nothing scripted and an empty journal."""
    _, fake = _fake_server
    fake.journal.clear()
    fake.scripts.clear()
    return _fake_server
