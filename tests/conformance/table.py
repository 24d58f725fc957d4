"""Writes ``docs/conformance.md``: ``python -m tests.conformance.table``. A test checks that the file is up to date."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.conformance.shapes import Outcome, outcomes
from tests.conformance.test_builder_records import DEVIATIONS, judge_records
from tests.corpus import CORPUS

TARGET = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

INTRODUCTION = """# Conformance

What flowray makes of real workflows and of the recorded behaviour of another engine. Written by
`python -m tests.conformance.table` from the corpus beside the project; do not edit it by hand.
"""


def _rows(header: list[str], rows: list[list[object]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _counts(found: list[Outcome]) -> list[object]:
    return [
        len(found),
        sum(item.loaded for item in found),
        sum(item.plan is not None for item in found),
        sum(item.plan is not None and not item.has("UNKNOWN_NODE_TYPE") for item in found),
        sum(item.plan is None for item in found),
    ]


def real_definitions() -> str:
    """Counts of the files by kind, and why some are refused."""
    found = outcomes()
    kinds = sorted({item.kind for item in found})
    rows: list[list[object]] = [[kind, *_counts([item for item in found if item.kind == kind])] for kind in kinds]
    rows.append(["**all**", *_counts(found)])
    header = ["kind", "files", "loaded", "compiled", "of these, only installed types", "refused"]
    refused = [[item.file, code, node] for item in found for code, node in item.errors]
    codes = Counter(code for item in found for code in {finding.code.value for finding in item.diagnostics})
    return (
        "## Real definitions\n\nA type that is not installed is a warning; its node fails when it is reached.\n\n"
        + _rows(header, rows)
        + "\nRefused, with the diagnostic that says why:\n\n"
        + _rows(["file", "code", "node"], refused)
        + "\nFiles in which a finding was made:\n\n"
        + _rows(["code", "files"], [[code, count] for code, count in sorted(codes.items())])
    )


def builder_records() -> str:
    """The recorded builder."""
    counts = judge_records()
    rows: list[list[object]] = [[test, rule] for test, (_, rule) in DEVIATIONS.items()]
    return (
        "## Recorded builder\n\n"
        f"{counts['passed']} records pass, {counts['deviating']} deviate by a rule, 0 are skipped.\n\n"
        + _rows(["deviating record", "rule"], rows)
    )


SECTIONS: list[Callable[[], str]] = [real_definitions, builder_records]
"""One per topic, in the order of the page. Add a function here to add a topic."""


def render() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(section() for section in SECTIONS)])


def main() -> int:
    """Write the page; 1 if the corpus is absent."""
    if CORPUS is None:
        print("the corpus of real workflows is not beside the project", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(render(), encoding="utf-8")
    print(TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
