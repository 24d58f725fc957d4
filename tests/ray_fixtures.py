"""Fixtures of the tests that run on Ray: one cluster, one Serve server, one LLM and one HTTP server per session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import httpx
import pytest

from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.runtime.on_ray.session import RaySession
from tests.cluster import FlowrayServer, hosted, ray_session, served
from tests.fakes.loopback import loopback_server
from tests.fakes.world import create_world

T = TypeVar("T")

_opened = pytest.StashKey[dict[str, Any]]()


def _once(request: pytest.FixtureRequest, name: str, opened: Callable[[], AbstractContextManager[T]]) -> T:
    """Open it once per session, whichever folder asks, and close it, last opened first, at the session's end.

    A session fixture that two folders import would be made twice; and a conftest above both would load Ray for every
    unit test.
    """
    values = request.config.stash.setdefault(_opened, {})
    if name not in values:
        manager = opened()
        values[name] = manager.__enter__()
        request.config.add_cleanup(lambda: manager.__exit__(None, None, None))
    value: T = values[name]
    return value


@pytest.fixture(scope="session")
def ray_cluster(request: pytest.FixtureRequest) -> RaySession:
    """The session's Ray."""
    return _once(request, "ray", ray_session)


@pytest.fixture(scope="session")
def llm(request: pytest.FixtureRequest) -> str:
    """Base URL of the fake OpenAI server, without ``/v1``."""
    return _once(request, "llm", lambda: loopback_server(create_fake_openai()))


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> str:
    """Base URL of the HTTP server that workflows call."""
    return _once(request, "world", lambda: loopback_server(create_world()))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, ray_cluster: RaySession, llm: str) -> FlowrayServer:
    """flowray as a user runs it: Serve in front, the small profile behind, SQLite."""
    return _once(request, "server", lambda: served(ray_cluster, llm))


@pytest.fixture(scope="session")
def literal_server(request: pytest.FixtureRequest, ray_cluster: RaySession, llm: str) -> FlowrayServer:
    """The card's literal shape: an orchestrator actor per execution, a Ray task per node."""
    return _once(request, "literal", lambda: hosted(ray_cluster, llm, isolation="dedicated", lane="task"))


@pytest.fixture
def script(llm: str) -> Iterator[httpx.Client]:
    """A client of the fake LLM server whose scripted replies are forgotten after the test."""
    with httpx.Client(base_url=llm) as client:
        yield client
        client.delete("/requests")
