"""A flowray server of its own for the benchmarks: ``flowray serve`` in a process, as a user would start it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import effect_node
from benchmarks.ledger import Ledger
from benchmarks.peers.postgres import Postgres
from flowray.cli.ports import free_port

FLOWRAY = Path(sys.executable).parent / "flowray"


def environment(folder: Path) -> dict[str, str]:
    """The environment of a measured process: a Ray and a state folder of its own, and the benchmarks' own node type."""
    plugins = folder / "plugins"
    effect_node.install(plugins)
    return {
        **os.environ,
        "RAY_TMPDIR": str(folder),
        "FLOWRAY_STATE_DIR": str(folder / "state"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), str(plugins)]),
    }


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop, and see that it does."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def wait_for(url: str, process: subprocess.Popen[bytes], timeout_s: float = 120) -> None:
    """Return when ``url`` answers 200."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the process ended with {process.returncode}")
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise TimeoutError(url)


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, its process, and the rows that it leaves."""

    base_url: str
    pid: int
    ledger: Ledger

    def facts(self) -> dict[str, object]:
        """What stands beside its figures: what the server says about itself, and the database of its durability."""
        return {**info(self.base_url), **self.ledger.facts()}


@contextmanager
def server_on(database: str = "sqlite", **settings: str) -> Iterator[Server]:
    """A server on ``sqlite`` or ``postgresql``, each with its defaults. The PostgreSQL is one of its own."""
    if database == "sqlite":
        with started(**settings) as server:
            yield server
        return
    postgres = Postgres()
    try:
        with postgres.database() as url, started(**{**settings, "database_url": url}) as server:
            yield server
    finally:
        postgres.stop()


@contextmanager
def started(**settings: str) -> Iterator[Server]:
    """A server with these settings, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="fb", dir="/tmp"))
    port = free_port("127.0.0.1")
    variables = {**environment(folder), **{f"FLOWRAY_{name.upper()}": value for name, value in settings.items()}}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(FLOWRAY), "serve", "--port", str(port), "--no-dashboard"], env=variables, stdout=log, stderr=log
        )
        base_url = f"http://127.0.0.1:{port}"
        try:
            wait_for(f"{base_url}/readyz", process)
            with Ledger.of(folder / "state", settings.get("database_url")) as ledger:
                yield Server(base_url, process.pid, ledger)
        finally:
            stop(process)
            shutil.rmtree(folder, ignore_errors=True)


def info(base_url: str) -> dict[str, object]:
    """What the server says about itself: version, database, durability mode, proxy mode."""
    document: dict[str, object] = json.loads(httpx.get(f"{base_url}/v1/info").content)
    return document
