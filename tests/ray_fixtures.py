"""Fixtures of the tests that run on Ray: one cluster, one Serve server, one LLM and one HTTP server per session."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from flowray.handlers.providers.fake_openai import create_fake_openai
from flowray.runtime.on_ray.session import RaySession
from tests.cluster import FlowrayServer, hosted, ray_session, served
from tests.fakes.loopback import loopback_server
from tests.fakes.world import create_world


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RaySession]:
    """The session's Ray."""
    with ray_session() as session:
        yield session


@pytest.fixture(scope="session")
def llm() -> Iterator[str]:
    """Base URL of the fake OpenAI server, without ``/v1``."""
    with loopback_server(create_fake_openai()) as url:
        yield url


@pytest.fixture(scope="session")
def world() -> Iterator[str]:
    """Base URL of the HTTP server that workflows call."""
    with loopback_server(create_world()) as url:
        yield url


@pytest.fixture(scope="session")
def server(ray_cluster: RaySession, llm: str) -> Iterator[FlowrayServer]:
    """flowray as a user runs it: Serve in front, the small profile behind, SQLite."""
    with served(ray_cluster, llm) as running:
        yield running


@pytest.fixture(scope="session")
def literal_server(ray_cluster: RaySession, llm: str) -> Iterator[FlowrayServer]:
    """The card's literal shape: an orchestrator actor per execution, a Ray task per node."""
    with hosted(ray_cluster, llm, isolation="dedicated", lane="task") as running:
        yield running


@pytest.fixture
def script(llm: str) -> Iterator[httpx.Client]:
    """A client of the fake LLM server whose scripted replies are forgotten after the test."""
    with httpx.Client(base_url=llm) as client:
        yield client
        client.delete("/requests")
