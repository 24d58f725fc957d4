"""From process start to the first answered request: ``flowray serve`` against a bare Ray + Serve "hello", in turn."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Figure, report
from benchmarks.server import FLOWRAY, environment, stop, wait_for
from flowray.cli.instance import free_port

HELLO = Path(__file__).parent / "bare_serve.py"


def _start(command: list[str], path: str, port: int) -> float:
    folder = Path(tempfile.mkdtemp(prefix="fb", dir="/tmp"))
    with (folder / "log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment(folder), stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}{path}", process)
            return time.perf_counter() - began
        finally:
            stop(process)
            shutil.rmtree(folder, ignore_errors=True)


def main(rounds: int = 3) -> None:
    """Run both in turn, so that a change of the machine's mood hits both."""
    bare: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        port = free_port("127.0.0.1")
        bare.append(_start([sys.executable, str(HELLO), str(port)], "/", port))
        port = free_port("127.0.0.1")
        ours.append(_start([str(FLOWRAY), "serve", "--port", str(port), "--no-dashboard"], "/readyz", port))
    boundary = "from process start to the first 200"
    figures = [
        Figure("bare Ray + Serve hello", "s", bare, boundary),
        Figure("flowray serve", "s", ours, boundary),
        Figure("flowray serve after bare", "s", [o - b for o, b in zip(ours, bare, strict=True)], "pair by pair"),
    ]
    report("Start", figures, "start_latency", {})


if __name__ == "__main__":
    main()
