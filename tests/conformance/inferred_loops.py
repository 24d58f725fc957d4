"""Writes the page of the loops whose author marked no body: what rule R18 repeats, and what a reviewer thinks of it.

The verdicts stand in ``inferred_loops.json``, each with the body that was reviewed. They are given after reading the
file, by the names and texts of its nodes; nothing computes them.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.corpus_runs import FileRuns, corpus_runs

TARGET = Path(__file__).resolve().parents[2] / "docs" / "inferred-loops.md"
VERDICTS = Path(__file__).with_name("inferred_loops.json")

INTRODUCTION = """# Loops without a marked body

Some real workflows draw a loop and the nodes behind it, but no border between what is repeated and what comes after.
Such a body is inferred: the direct successors of the loop and whatever reads its item, its index or `loop.*`, closed
under paths and branches; never an output node, nor a reader of the loop's results; a node that only reads what a
member puts out stays outside. The author is told the body by a diagnostic, and can mark another.

Each of them was read and judged. *right*: this is what the author means. *doubtful*: the rule is followed, but the
author probably means something else, or cannot be understood. Written by `python -m tests.conformance.table` from the
corpus beside the project; do not edit it by hand.
"""


@dataclass(frozen=True)
class InferredLoop:
    """One loop. ``followed_by``: the nodes that come after it; None where the file is refused."""

    file: str
    loop: str
    body: tuple[str, ...]
    followed_by: tuple[str, ...] | None


def inferred_loops() -> list[InferredLoop]:
    """All loops of the corpus whose body is inferred, empty ones included, with every type installed."""
    found = []
    for runs in corpus_runs():
        for finding in runs.diagnostics:
            code = finding.code.value
            if code in ("BODY_INFERRED", "EMPTY_BODY") and finding.node_id is not None:
                named = finding.message.split(": ")[-1].rstrip(".").split(", ") if code == "BODY_INFERRED" else []
                loop = finding.node_id
                found.append(InferredLoop(runs.file, loop, tuple(named), _followed_by(runs, loop)))
    return found


def verdicts() -> dict[tuple[str, str], dict[str, Any]]:
    """``{(file, loop): {body, verdict, why}}`` as reviewed."""
    entries = json.loads(VERDICTS.read_text(encoding="utf-8"))
    return {(entry["file"], entry["loop"]): entry for entry in entries}


def render() -> str:
    """The whole page."""
    reviewed = verdicts()
    counts = Counter(str(entry["verdict"]) for entry in reviewed.values())
    lines = ["| file | loop | repeats | followed by | verdict |", "|---|---|---|---|---|"]
    for found in inferred_loops():
        entry = reviewed.get((found.file, found.loop), {"verdict": "not reviewed"})
        after = "the file is refused" if found.followed_by is None else _listed(found.followed_by)
        why = f": {entry['why']}" if "why" in entry else ""
        lines.append(
            f"| {found.file.removesuffix('.json')} | {found.loop} | {_listed(found.body)} | {after} "
            f"| {entry['verdict']}{why} |"
        )
    summary = f"{len(reviewed)} loops: {counts['right']} right, {counts['doubtful']} doubtful."
    return "\n".join([INTRODUCTION, summary, "", *lines]) + "\n"


def _followed_by(runs: FileRuns, loop: str) -> tuple[str, ...] | None:
    if runs.plan is None:
        return None
    edges = runs.plan.scopes[runs.plan.nodes[loop].scope].edges
    return tuple(dict.fromkeys(edge.target for edge in edges if edge.source == loop and edge.kind != "ordering"))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
