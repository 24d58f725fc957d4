"""Memory while something runs: of a server's processes, Ray's included. Runs nothing by itself but nodes that wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, Goal, descendants, resident_bytes
from benchmarks.workloads import waiting_fan_out

MIB = 1024 * 1024
LOOK_S = 0.25


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    return [pid, *descendants(pid)]


def actors(pid: int) -> int:
    """How many processes of Ray actors there are below a process: Ray names each after its actor."""
    titles = (_title(below) for below in descendants(pid))
    return sum(title.startswith("ray::") and not title.startswith("ray::IDLE") for title in titles)


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def resident_mib(pids: Sequence[int]) -> float:
    """Resident memory of these processes together; what they share counts for each."""
    return sum(_of(resident_bytes, pid) for pid in pids) / MIB


def proportional_mib(pids: Sequence[int]) -> float:
    """The same, but what several processes share counts once (PSS, of Linux)."""
    return sum(_of(_proportional_bytes, pid) for pid in pids) / MIB


def _of(measure: Callable[[int], int], pid: int) -> int:
    try:
        return measure(pid)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0  # It has ended meanwhile.


def _proportional_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


class Peak:
    """The most memory seen, in MiB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.before = self.most = resident_mib(family(pid))

    def look(self) -> None:
        """Once more."""
        self.most = max(self.most, resident_mib(family(self._pid)))

    @property
    def growth(self) -> float:
        """Above what there was before."""
        return self.most - self.before


@contextmanager
def peak(pid: int) -> Iterator[Peak]:
    """Looks at the memory of a process and all below it while the block runs."""
    found, over = Peak(pid), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            found.look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
        found.look()


def waiting_figures(
    bench: Bench, count: int, url: str, rounds: int, seconds: Goal | None = None, mib: Goal | None = None
) -> list[Figure]:
    """So many nodes that each wait a second for an answer, and what they take in memory, the first run included."""
    name = f"{count:,} nodes that wait 1 s"
    details = {"series": "waiting nodes", "size": count}
    with peak(bench.pid) as memory:
        figure = bench.figure(
            name, waiting_fan_out(count, url), {"done": "yes"}, rounds, goal=seconds, details=details
        )  # fmt: skip
    boundary = "resident memory of all processes, Ray's included: before the first run to the most during all"
    note = figure.note
    return [figure, Figure("  more memory", "MiB", [memory.growth], boundary, figure.valid, note, {}, goal=mib)]
