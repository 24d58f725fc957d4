"""How the benchmarks measure: medians with their spread, on which machine, with which versions. No workloads here."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured figure: the median of ``samples``, with the smallest and the largest. ``boundary``: from where to
    where. ``valid`` is False if a check of the run failed; such a figure is printed as INVALID.
    """

    name: str
    unit: str
    samples: Sequence[float]
    boundary: str
    valid: bool = True
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.samples)

    def line(self) -> str:
        """One row for people."""
        if not self.valid:
            return f"{self.name:<44} INVALID  {self.note}"
        spread = f"{min(self.samples):.4g} … {max(self.samples):.4g}"
        return f"{self.name:<44} {self.median:>10.4g} {self.unit:<5} ({spread}, n={len(self.samples)})  {self.note}"


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
    """Print a table and keep it as JSON under results/local, which git ignores."""
    print(f"\n{title}")
    for figure in figures:
        print("  " + figure.line())
    folder = RESULTS / "local"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "title": title,
        "machine": machine(),
        "facts": facts,
        "figures": [{**asdict(figure), "median": figure.median} for figure in figures],
    }
    (folder / f"{file_name}.json").write_text(json.dumps(document, indent=2, default=str))
