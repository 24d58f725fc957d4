"""The command line as a function of its arguments, and a real server on loopback for the commands that need one."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.bootstrap import build_registry, local_runtime
from flowray.bootstrap_connections import open_sealer
from flowray.cli import main
from flowray.settings import Settings

GREET: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "greet",
    "inputs": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
    "entryPoint": "start",
    "nodes": {
        "start": {"type": "input", "config": {}},
        "done": {"type": "output", "config": {"outputName": "greeting", "value": "hi {{inputs.name}}"}},
    },
    "edges": [{"source": "start", "target": "done"}],
}
"""Greets; the shortest workflow with an input."""

FAILING: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "failing",
    "entryPoint": "start",
    "nodes": {
        "start": {"type": "input", "config": {}},
        "bad": {"type": "no-such-type", "config": {}},
        "done": {"type": "output", "config": {"outputName": "never", "value": 1}},
    },
    "edges": [{"source": "start", "target": "bad"}, {"source": "bad", "target": "done"}],
}
"""Fails at its second node."""

WAITING: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "waiting",
    "entryPoint": "start",
    "nodes": {
        "start": {"type": "input", "config": {}},
        "pause": {"type": "wait", "config": {"duration": 3600, "unit": "seconds"}},
    },
    "edges": [{"source": "start", "target": "pause"}],
}
"""Waits for an hour."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error that a program reads on stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


Command = Callable[..., Outcome]


@pytest.fixture
def flowray(capsys: pytest.CaptureFixture[str]) -> Command:
    """``flowray("run", "wf.json")`` runs the command in this process."""

    def call(*args: object) -> Outcome:
        capsys.readouterr()
        code = main.run([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def workflow_file(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes a definition to a file of its name."""

    def write(document: Any, name: str | None = None) -> Path:
        path = tmp_path / (name or f"{document['name']}.json")
        path.write_text(json.dumps(document))
        return path

    return write


@pytest.fixture
def server_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on the in-process runtime; FLOWRAY_URL points at it."""
    runtime = local_runtime(Settings())
    runtime.start_threads()
    services = AppServices(
        directory=runtime, registry=build_registry(Settings()), tokens=PublicTokens("a secret of the tests"),
        opener=partial(open_sealer, Settings()),
    )  # fmt: skip
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("FLOWRAY_URL", url)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(10)
        runtime.stop()
        listener.close()
