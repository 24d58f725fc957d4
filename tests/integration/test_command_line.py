"""The commands that start a whole server, as a person runs them: ``flowray demo`` and ``flowray serve``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.rules.source import ROOT

COMMAND = [sys.executable, "-m", "flowray.cli.main"]
START_S = 100

GREET = {
    "nodes": {
        "start": {"type": "input"},
        "done": {"type": "output", "config": {"outputName": "greeting", "value": "hi {{inputs.name}}"}},
    },
    "edges": [{"source": "start", "target": "done"}],
    "entryPoint": "start",
}


def environment() -> dict[str, str]:
    """Without the Ray of the session's other tests: these commands start their own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "FLOWRAY_"))}


@contextmanager
def serving(tmp_path: Path, *options: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A ``flowray serve`` and its URL; ended if the test has not done so. ``variables`` go to its environment."""
    arguments = [*COMMAND, "serve", "--port", "0", "--state-dir", str(tmp_path / "state"), "-o", "json", *options]
    log = tmp_path / "serve.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**environment(), **variables}
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        yield process, json.loads(line)["url"]
    finally:
        process.stdout.close()
        if process.poll() is None:
            process.terminate()
            process.wait(START_S)


@pytest.mark.timeout(240)
def test_the_demo_runs_to_its_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "demo"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=environment(),
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    assert outputs["facts"] == {"total": 4, "down": ["search", "mail"], "problems": 2}
    assert outputs["summary"]
    for expected in ("fetch (http)", "calm skipped", "alarm (llm)", "execution completed", "Ray dashboard", "curl -N"):
        assert expected in done.stderr


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_and_a_signal_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, "--no-dashboard") as (process, url):
        with httpx.Client(base_url=url, timeout=60) as http:
            answer = http.post("/v1/executions?wait=30", json={"definition": GREET, "inputs": {"name": "Ada"}})
            assert answer.json()["outputs"] == {"greeting": "hi Ada"}
        process.send_signal(number)
        assert process.wait(START_S) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
