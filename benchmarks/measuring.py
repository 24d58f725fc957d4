"""How the benchmarks measure: medians with their spread, on which machine, with which versions. No workloads here, and
no checks of runs but the last one: what ran with less than the default durability is no figure.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

RESULTS = Path(__file__).parent / "results"


DEFAULT_DURABILITY = (
    "SQLite, journal_mode=WAL, synchronous=FULL: commits survive power loss",
    "PostgreSQL, synchronous_commit=on: commits survive power loss",
)
"""What a server says of itself with the defaults, on either database."""


@dataclass(frozen=True)
class Goal:
    """What a figure's median has to keep: ``limit`` at most, or at least."""

    limit: float
    at_least: bool = False

    def met_by(self, median: float) -> bool:
        """Whether it is kept."""
        return median >= self.limit if self.at_least else median <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}"


@dataclass(frozen=True)
class Figure:
    """One measured figure: the median of ``samples``, with the smallest and the largest. ``boundary``: from where to
    where. ``valid`` is False if a check of the run failed; such a figure is printed as INVALID.

    ``http``: the same runs from the first byte of the request to the last of the answer, where they are asked for so;
    with them, ``samples`` are the engine's. ``details`` of what belongs to a curve: its ``series`` and ``size``.
    """

    name: str
    unit: str
    samples: Sequence[float]
    boundary: str
    valid: bool = True
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    http: Sequence[float] = ()
    goal: Goal | None = None

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.samples)

    def line(self) -> str:
        """One row for people."""
        if not self.valid:
            return f"{self.name:<44} INVALID  {self.note}"
        http = f"  over HTTP {quoted(self.http, self.unit)}" if self.http else ""
        return f"{self.name:<44} {quoted(self.samples, self.unit)}{http}  {self.note}"


def quoted(samples: Sequence[float], unit: str) -> str:
    """The median with the smallest and the largest, and how many there are."""
    spread = f"{_short(min(samples))} … {_short(max(samples))}, n={len(samples)}"
    return f"{_short(statistics.median(samples))} {unit} ({spread})".replace("  ", " ")


def _short(value: float) -> str:
    """Three significant digits, all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def relaxed(mode: object) -> str:
    """Why nothing counts that ran in this durability mode, or ""."""
    return "" if mode in DEFAULT_DURABILITY else f"durability is not the default: {mode}"


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which ``share`` of all lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine() -> dict[str, Any]:
    """Where this was measured."""
    packages = ("flowray", "ray", "fastapi", "sqlalchemy", "msgspec", "openai", "pydantic")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def resident_bytes(pid: int) -> int:
    """What a process has in memory now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, and those that these have."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found


def report(title: str, figures: Sequence[Figure], file_name: str, facts: dict[str, Any]) -> None:
    """Print a table and keep it as JSON under results/local, which git ignores.

    ``facts`` with a ``durability_mode`` other than the default make every figure INVALID.
    """
    problem = relaxed(facts["durability_mode"]) if "durability_mode" in facts else ""
    if problem:
        figures = [replace(figure, valid=False, note=problem) for figure in figures]
    print(f"\n{title}")
    for figure in figures:
        print("  " + figure.line(), flush=True)
    folder = RESULTS / "local"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "title": title,
        "machine": machine(),
        "facts": facts,
        "figures": [{**asdict(figure), "median": figure.median} for figure in figures],
    }
    (folder / f"{file_name}.json").write_text(json.dumps(document, indent=2, default=str))
