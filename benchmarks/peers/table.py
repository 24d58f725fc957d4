"""The results of all systems as a Markdown table and as figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.measuring import Figure
from benchmarks.peers.rounds import Row
from benchmarks.peers.workloads import WORKLOADS, Workload


def markdown(rows: Sequence[Row]) -> str:
    """One row for each system: median and spread of each workload, or why there is none."""
    head = ["system", *(workload.name for workload in WORKLOADS), "durable before the next step", "measured from … to"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        cells = [cell(row, workload) for workload in WORKLOADS]
        lines.append(_line([row.label, *cells, row.durable, row.boundary]))
    return "\n".join(lines)


def cell(row: Row, workload: Workload) -> str:
    """The median with its spread in seconds, and the rate where there are many executions; else the reason."""
    if row.unavailable:
        return f"not run: {row.unavailable}"
    if workload.name in row.problems:
        return row.problems[workload.name]
    samples = row.samples.get(workload.name)
    if not samples:
        return "not run"
    median = statistics.median(samples)
    rate = f", {workload.executions / median:.0f}/s" if workload.executions > 1 else ""
    return f"{median:.3g} s{rate} ({min(samples):.3g} … {max(samples):.3g}, n={len(samples)})"


def figures(rows: Sequence[Row]) -> list[Figure]:
    """The same for the JSON file; a workload without a figure is there too, marked invalid, with the reason."""
    found = []
    for row in rows:
        for workload in WORKLOADS:
            samples = row.samples.get(workload.name, [])
            problem = row.unavailable or row.problems.get(workload.name, "") or ("" if samples else "not run")
            name = f"{row.label}: {workload.name}"
            details = {"system": row.name, "workload": workload.name, "durable": row.durable, **row.facts}
            found.append(Figure(name, "s", samples or [0.0], row.boundary, not problem, problem, details))
    return found


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"
