"""Servers for the fault scenarios: one on SQLite, one on PostgreSQL, each with two orchestrators and two replicas.

A scenario is a test named ``test_sNN_…`` that takes ``bench``. Each runs on one of the two databases, even numbers on
PostgreSQL; with FLOWRAY_ACCEPTANCE_FULL=1 on both. What must hold after each of them is checked when it is over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

import pytest

from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.session import RaySession
from flowray.settings import Settings
from tests.cluster import FlowrayServer, hosted
from tests.databases import postgres_database
from tests.durability.bench import Bench
from tests.durability.effects import Effects, receiving
from tests.durability.nodes import registry
from tests.ray_fixtures import llm, ray_cluster, script, server, world

__all__ = ["llm", "ray_cluster", "script", "server", "world"]

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"
DATABASES = ("sqlite", "postgresql")

_SCENARIO = re.compile(r"test_s(\d\d)_")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each scenario on its database, or on both."""
    if "bench" not in metafunc.fixturenames:
        return
    number = _SCENARIO.match(metafunc.function.__name__)
    chosen = DATABASES if FULL or number is None else (DATABASES[(int(number[1]) + 1) % 2],)
    marks = {"sqlite": [pytest.mark.ray], "postgresql": [pytest.mark.ray, pytest.mark.postgres]}
    metafunc.parametrize("bench", [pytest.param(name, marks=marks[name]) for name in chosen], indirect=True)


@pytest.fixture(scope="package")
def effects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Effects]:
    """The outer world."""
    with receiving(tmp_path_factory.mktemp("effects")) as found:
        yield found


@pytest.fixture(scope="package")
def servers(ray_cluster: RaySession, llm: str) -> Iterator[dict[str, FlowrayServer]]:
    """Filled as scenarios ask for them."""
    with ExitStack() as stack:
        yield _Servers(ray_cluster, llm, stack)


@pytest.fixture
def bench(request: pytest.FixtureRequest, servers: dict[str, FlowrayServer], effects: Effects) -> Iterator[Bench]:
    """The server of one database, and at the end of the scenario the judge."""
    found = Bench(servers[request.param], effects, request.param)
    failed_before = request.session.testsfailed
    try:
        yield found
        if request.session.testsfailed == failed_before:
            found.check()
    finally:
        found.close()


def small_server(session: RaySession, llm: str, database: str, **overrides: Any) -> AbstractContextManager[Any]:
    """A server of its own, for a scenario that ends one, or that needs other settings."""
    return hosted(session, llm, apis=2, configured=_with_test_nodes, database_url=database or None, **overrides)


class _Servers(dict[str, FlowrayServer]):
    def __init__(self, session: RaySession, llm: str, stack: ExitStack) -> None:
        super().__init__()
        self._session = session
        self._llm = llm
        self._stack = stack

    def __missing__(self, database: str) -> FlowrayServer:
        url = self._stack.enter_context(postgres_database()) if database == "postgresql" else ""
        opened = small_server(self._session, self._llm, url, orchestrators=2)
        running: FlowrayServer = self._stack.enter_context(opened)
        self[database] = running
        return running


def _with_test_nodes(config: RuntimeConfig, settings: Settings) -> RuntimeConfig:
    return replace(config, registry_factory=registry)
