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
from pathlib import Path

import httpx

from benchmarks import effect_node
from flowray.cli.instance import free_port

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


@contextmanager
def flowray_server(**settings: str) -> Iterator[str]:
    """The base URL of a running server."""
    folder = Path(tempfile.mkdtemp(prefix="fb", dir="/tmp"))
    port = free_port("127.0.0.1")
    variables = {**environment(folder), **{f"FLOWRAY_{name.upper()}": value for name, value in settings.items()}}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(FLOWRAY), "serve", "--port", str(port), "--no-dashboard"], env=variables, stdout=log, stderr=log
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)
            shutil.rmtree(folder, ignore_errors=True)


def info(base_url: str) -> dict[str, object]:
    """What the server says about itself: version, database, durability mode, proxy mode."""
    document: dict[str, object] = json.loads(httpx.get(f"{base_url}/v1/info").content)
    return document
