"""What the plots show: the cost of each scaling goal by its size, as found in results. Draws nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.results import DATABASES, Document, database_of, machine_line


@dataclass(frozen=True)
class Drawing:
    """One plot. ``series``: the figures that belong to it, by their details. ``goals``: sizes and seconds. ``least``:
    seconds that each of its runs takes at least, whatever the size.
    """

    file: str
    series: str
    title: str
    across: str
    goals: tuple[tuple[int, float], ...] = ()
    least: float = 0.0


DRAWINGS = (
    Drawing("chain", "chain", "A chain of pure nodes", "nodes in a row", ((100, 0.015),)),
    Drawing("fan-out", "fan-out", "A fan-out of pure nodes", "nodes side by side", ((100, 0.015),)),
    Drawing("batch", "batch", "A batch of executions of five steps", "executions", ((10_000, 10.0),)),
    Drawing(
        "waiting", "waiting nodes", "Nodes side by side that each wait 1 s", "nodes that wait",
        ((200, 1.2), (5_000, 3.0)), 1.0,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One size: seconds, and the spread of the runs."""

    size: int
    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Curve:
    """One line of a plot, by size."""

    database: str
    over_http: bool
    points: tuple[Point, ...]

    @property
    def label(self) -> str:
        """For the legend."""
        return f"{DATABASES[self.database]}, {'POST to answer' if self.over_http else 'engine'}"


def curves(documents: Sequence[Document], drawing: Drawing) -> list[Curve]:
    """The lines of a plot: engine and, where it was measured, HTTP, on each database. What is INVALID is left out."""
    found = []
    for database in DATABASES:
        figures = [
            figure
            for document in documents
            if database_of(document) == database
            for figure in document["figures"]
            if figure["valid"] and figure["unit"] == "s" and figure["details"].get("series") == drawing.series
        ]
        by_size = sorted({figure["details"]["size"]: figure for figure in figures}.items())
        for column in ("samples", "http"):
            points = [_point(size, figure[column]) for size, figure in by_size if figure[column]]
            if points:
                found.append(Curve(database, column == "http", tuple(points)))
    return found


def _point(size: int, samples: Sequence[float]) -> Point:
    return Point(size, statistics.median(samples), min(samples), max(samples))


def caption(documents: Sequence[Document], drawing: Drawing) -> str:
    """Machine, day, versions and durability of what is shown."""
    shown = [
        document
        for document in documents
        if any(figure["details"].get("series") == drawing.series for figure in document["figures"])
    ]
    machine = shown[0]["machine"]
    versions = ", ".join(f"{name} {machine['versions'][name]}" for name in ("flowray", "ray", "sqlalchemy"))
    modes = ".\n".join(dict.fromkeys(str(document["facts"]["durability_mode"]) for document in shown))
    return (
        f"{machine_line(machine)}; {versions}.\n{modes}.\n"
        "Medians, bars from the quickest to the slowest run. Engine: commit of the start to the terminal event."
    )
