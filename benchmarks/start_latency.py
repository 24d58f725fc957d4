"""How long ``flowray serve`` takes until it is ready, and its memory when idle, against a bare Ray + Serve "hello", in
turn.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Figure, Goal, report
from benchmarks.resident import MIB, family, proportional_mib, resident_mib
from benchmarks.server import FLOWRAY, environment, info, stop, wait_for
from flowray.cli.ports import free_port

HELLO = Path(__file__).parent / "bare_serve.py"

SETTLE_S = 5.0
"""After the first answer: until then modules are imported in the background, and Ray starts workers ahead."""

GIGABYTE = 1e9 / MIB


@dataclass(frozen=True)
class Started:
    """Seconds to the first answer; MiB of all processes some seconds later; what the server says about itself."""

    seconds: float
    resident: float
    proportional: float
    facts: dict[str, object]


def _start(command: list[str], path: str, port: int, tells: bool = False) -> Started:
    folder = Path(tempfile.mkdtemp(prefix="fb", dir="/tmp"))
    with (folder / "log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment(folder), stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}{path}", process)
            took = time.perf_counter() - began
            time.sleep(SETTLE_S)
            pids = family(process.pid)
            facts = info(f"http://127.0.0.1:{port}") if tells else {}
            return Started(took, resident_mib(pids), proportional_mib(pids), facts)
        finally:
            stop(process)
            shutil.rmtree(folder, ignore_errors=True)


def _three(
    what: str, ours: Sequence[float], bare: Sequence[float], unit: str, boundary: str, goal: Goal
) -> list[Figure]:
    more = [our - other for our, other in zip(ours, bare, strict=True)]
    return [
        Figure(f"{what}, bare Ray + Serve hello", unit, bare, boundary),
        Figure(f"{what}, flowray serve", unit, ours, boundary),
        Figure("  more than bare Ray + Serve", unit, more, f"{boundary}; pair by pair", goal=goal),
    ]


def main(rounds: int = 3) -> None:
    """Run both in turn, so that a change of the machine's mood hits both."""
    bare: list[Started] = []
    ours: list[Started] = []
    for _ in range(rounds):
        port = free_port("127.0.0.1")
        bare.append(_start([sys.executable, str(HELLO), str(port)], "/", port))
        port = free_port("127.0.0.1")
        command = [str(FLOWRAY), "serve", "--port", str(port), "--no-dashboard"]
        ours.append(_start(command, "/readyz", port, tells=True))
    figures = _three(
        "start", [run.seconds for run in ours], [run.seconds for run in bare], "s",
        "process start to the first 200", Goal(4),
    )  # fmt: skip
    figures += _three(
        "idle memory, RSS", [run.resident for run in ours], [run.resident for run in bare], "MiB",
        f"resident memory of all processes, {SETTLE_S:.0f} s after the first answer", Goal(round(GIGABYTE)),
    )  # fmt: skip
    figures += _three(
        "idle memory, PSS", [run.proportional for run in ours], [run.proportional for run in bare], "MiB",
        "the same, with what is shared counted once (PSS)", Goal(round(GIGABYTE)),
    )  # fmt: skip
    report("Start and idle memory", figures, "start_latency", ours[-1].facts)


if __name__ == "__main__":
    main()
