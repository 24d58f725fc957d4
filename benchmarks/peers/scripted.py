"""A peer as a process of its own that is asked, line by line, to run workloads. Knows nothing of what is measured."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environments import UnavailableError, last_error, prepare, server

SYSTEMS = Path(__file__).parent / "systems"
READY_LIMIT_S = 120
STOP_LIMIT_S = 20


class TooSlowError(Exception):
    """A run did not end within its limit; the system is no good for another run."""


class Scripted:
    """One running peer. A context manager: starts on entering, ends it and all it has started on leaving."""

    def __init__(self, peer: Peer, database_url: str) -> None:
        self._peer = peer
        self._database_url = database_url
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Scripted:
        python = prepare(self._peer)
        self._folder = Path(tempfile.mkdtemp(prefix="peer-"))
        variables = {
            **{key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")},
            "PEER_FOLDER": str(self._folder),
            "PEER_DATABASE_URL": self._database_url,
            "PEER_SERVER": server(self._peer),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self._folder),
        }
        self._log = (self._folder / "log").open("wb")
        # A session of its own: ending the process group then ends whatever servers the peer has started, and no others.
        self._process = subprocess.Popen(
            [str(python), str(SYSTEMS / self._peer.script)],
            env=variables, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.facts = self._next(READY_LIMIT_S)["ready"]
        except TooSlowError:
            self._end()
            raise UnavailableError(f"not ready after {READY_LIMIT_S} s") from None
        except UnavailableError:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """The peer's answer. Raises TooSlowError, or UnavailableError if the peer fails."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise UnavailableError(self._why()) from None
        answer = self._next(limit_s)
        if "error" in answer:
            raise UnavailableError(str(answer["error"])[:160])
        return answer

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.decode())
        self._lines.put("")

    def _next(self, limit_s: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            raise TooSlowError(f"over {limit_s:g} s") from None
        if not line:
            raise UnavailableError(self._why())
        document: dict[str, Any] = json.loads(line)
        return document

    def _why(self) -> str:
        return f"ended by itself: {last_error((self._folder / 'log').read_text(errors='replace'))}"

    def _end(self) -> None:
        """Ask it to stop by ending its input; then end the whole group."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(STOP_LIMIT_S)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        self._reader.join(STOP_LIMIT_S)
        self._process.stdout.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)
