"""What a run of benchmarks has found, as one table for people and as files that are kept. Measures nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import RESULTS, Goal, quoted

Document = dict[str, Any]
"""One report: ``title``, ``machine``, ``facts``, ``figures`` (see ``measuring.report``)."""

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
ABSENT = "\u2013"

NOT_KEPT = ("points",)
"""Details of a figure that are too many to keep with the project."""


def database_of(document: Document) -> str:
    """Which database it was measured on; what needs none stands beside SQLite's."""
    return str(document["facts"].get("database") or "sqlite")


def local_since(began: float) -> list[Document]:
    """The reports that have been written since then (seconds since the epoch), oldest first."""
    files = [file for file in (RESULTS / "local").glob("*.json") if file.stat().st_mtime >= began]
    return [json.loads(file.read_text()) for file in sorted(files, key=lambda file: file.stat().st_mtime)]


# -- the table -----------------------------------------------------------------------------------------------------


def table(documents: Sequence[Document]) -> str:
    """Markdown: a row for each figure, engine and HTTP beside each other, for each database that there is."""
    databases = [name for name in DATABASES if any(database_of(document) == name for document in documents)]
    head = ["work", "goal"]
    for name in databases:
        head += [DATABASES[name], f"{DATABASES[name]}, over HTTP"]
    lines = [_line(head), _line(["---"] * len(head))]
    for title in dict.fromkeys(_general(document["title"]) for document in documents):
        by_database = {
            database_of(document): document for document in documents if _general(document["title"]) == title
        }  # fmt: skip
        lines.append(_line([f"**{title}**", *[""] * (len(head) - 1)]))
        lines += _rows([by_database.get(name) for name in databases])
    return "\n".join([*_where(documents), "", *lines, "", *_boundaries(documents)])


def _general(title: str) -> str:
    """Without the database that a title ends with."""
    return re.sub(rf", ({'|'.join(DATABASES)})$", "", title)


def _rows(documents: Sequence[Document | None]) -> Iterable[str]:
    """Figures are found by their place: some names, as of shares of others, occur several times."""
    longest = max((document for document in documents if document), key=lambda found: len(found["figures"]))
    for place, figure in enumerate(longest["figures"]):
        goal = _goal(figure)
        name = figure["name"].replace("  ", "&emsp;", 1)
        note = f" ({figure['note']})" if figure["note"] and figure["valid"] else ""
        cells = [name + note, f"{goal} {figure['unit']}".strip() if goal else ""]
        for document in documents:
            cells += _cells(document["figures"][place] if document and place < len(document["figures"]) else None)
        yield _line(cells)


def _cells(figure: Mapping[str, Any] | None) -> list[str]:
    if figure is None:
        return [ABSENT, ABSENT]
    if not figure["valid"]:
        return [f"INVALID: {figure['note']}", ""]
    goal = _goal(figure)
    verdict = "" if goal is None else " ✓" if goal.met_by(figure["median"]) else " ✗"
    http = quoted(figure["http"], figure["unit"]) if figure["http"] else ABSENT
    return [quoted(figure["samples"], figure["unit"]) + verdict, http]


def _goal(figure: Mapping[str, Any]) -> Goal | None:
    return Goal(**figure["goal"]) if figure.get("goal") else None


def _where(documents: Sequence[Document]) -> Iterable[str]:
    """Machine, versions, load and durability, as far as they are known."""
    machine = documents[0]["machine"]
    yield machine_line(machine)
    yield ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    loads = [document["machine"]["load"][0] for document in documents]
    yield f"load (1 min) at the ends of the benchmarks: {min(loads):.1f} … {max(loads):.1f}"
    for name, said in DATABASES.items():
        facts = [document["facts"] for document in documents if database_of(document) == name]
        for mode, proxy in dict.fromkeys((fact.get("durability_mode"), fact.get("proxy_mode")) for fact in facts):
            if mode:
                yield f"{said}: {mode}; {f'on Ray, {proxy} proxy of Serve' if proxy else 'in process'}"


def machine_line(machine: Mapping[str, Any]) -> str:
    """One machine in one line, with the day."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        f"{machine['at'][:10]}"
    )


def _boundaries(documents: Sequence[Document]) -> Iterable[str]:
    """From where to where, once for each."""
    measured: dict[str, list[str]] = {}
    for document in documents:
        for figure in document["figures"]:
            names = measured.setdefault(figure["boundary"], [])
            name = figure["name"].strip()
            if name not in names:
                names.append(name)
    yield "Measured from … to:"
    yield ""
    for boundary, names in measured.items():
        shown = "; ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield f"- {boundary} ({shown})"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"


# -- the files -----------------------------------------------------------------------------------------------------


def keep(documents: Sequence[Document], folder: Path = RESULTS, kind: str = "") -> list[Path]:
    """Add the reports to this day's and this machine's files, one for each database, or all to one for this ``kind``.
    A report takes the place of one with its title.
    """
    written = []
    for name in [kind] if kind else dict.fromkeys(database_of(document) for document in documents):
        found = [_slim(document) for document in documents if kind or database_of(document) == name]
        machine = found[0]["machine"]
        file = folder / f"{machine['at'][:10]}-{slug(machine)}-{name}.json"
        known = json.loads(file.read_text())["reports"] if file.exists() else []
        reports = {report["title"]: report for report in [*known, *found]}
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"kind": name, "reports": list(reports.values())}, indent=1) + "\n")
        written.append(file)
    return written


def slug(machine: Mapping[str, Any]) -> str:
    """A machine in a file's name: its cores and its processor."""
    return re.sub(r"[^a-z0-9]+", "-", f"{machine['cores']} cores {machine['processor']}".lower()).strip("-")


def newest(name: str, folder: Path = RESULTS) -> list[Document]:
    """The reports in the newest file of a database; none if there is none."""
    files = sorted(folder.glob(f"*-{name}.json"))
    return json.loads(files[-1].read_text())["reports"] if files else []


def _slim(document: Document) -> Document:
    figures = []
    for figure in document["figures"]:
        details = {key: value for key, value in figure["details"].items() if key not in NOT_KEPT}
        samples = {key: [float(f"{value:.6g}") for value in figure[key]] for key in ("samples", "http")}
        figures.append({**figure, **samples, "median": float(f"{figure['median']:.6g}"), "details": details})
    return {**document, "figures": figures}
