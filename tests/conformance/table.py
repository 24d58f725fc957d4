"""Writes ``docs/conformance.md`` and ``docs/inferred-loops.md``: ``python -m tests.conformance.table``.

Tests check that both are up to date.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from flowray.handlers.registry import default_registry
from tests.acceptance.real_workflows import TABLE, Summary, kept
from tests.conformance import inferred_loops
from tests.conformance.corpus_player import MOST_COMBINATIONS
from tests.conformance.corpus_runs import FileRuns, corpus_runs, sim_runs
from tests.conformance.shapes import Outcome, outcomes
from tests.conformance.test_builder_records import DEVIATIONS, judge_records
from tests.contracts.test_contracts import NO_CONTRACT, contracts
from tests.corpus import CORPUS

TARGET = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

INTRODUCTION = """# Conformance

What flowray makes of real workflows and of the recorded behaviour of another engine. Written by
`python -m tests.conformance.table` from the corpus beside the project; do not edit it by hand.
"""


def _rows(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
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


def executed_definitions() -> str:
    """What became of running all files, and SIM's exports, with scripted replies."""
    found = (*corpus_runs(), *sim_runs())
    kinds = sorted({runs.kind for runs in found}, key=lambda kind: (kind.startswith("sim"), kind))
    rows = [[kind, *_run_counts([runs for runs in found if runs.kind == kind])] for kind in kinds]
    rows.append(["**all**", *_run_counts(found)])
    header = [
        "kind", "files", "run", "combinations", "completed", "failed", "paused on the way", "nodes", "executed",
        "never executed", "merges", "reached", "runs with one failing node", "of these failed",
    ]  # fmt: skip
    never = [[runs.file, node_id, why] for runs in found for node_id, why in runs.never.items()]
    refused = ", ".join(runs.file for runs in found if runs.plan is None)
    return (
        "## Real definitions, executed\n\n"
        "Every node type answers from a script, installed or not; each file runs to its end once for every combination "
        f"of its decisions (up to {MOST_COMBINATIONS}; {sum(runs.capped for runs in found)} files have more): the "
        "handle that a branch selects, whether a failure that is routed happens, two, one or no rounds of a loop. "
        "Then again in another order of completion with a crash half-way, and once more for each node that fails. "
        f"Violations of the laws (nothing hangs, no output is lost, R1, R3, R4, R8, R12, R20, R29, L1, L4): "
        f"{sum(len(runs.problems) for runs in found)}. Not run, because it is refused: {refused}.\n\n"
        + _rows(header, rows)
        + "\nNever executed, in no combination:\n\n"
        + _rows(["file", "node", "why"], never)
    )


def _run_counts(found: Sequence[FileRuns]) -> list[object]:
    nodes, never = sum(runs.nodes for runs in found), sum(len(runs.never) for runs in found)
    return [
        len(found),
        sum(runs.plan is not None for runs in found),
        sum(runs.combinations for runs in found),
        sum(runs.statuses["completed"] for runs in found),
        sum(runs.statuses["failed"] for runs in found),
        sum(runs.paused for runs in found),
        nodes,
        nodes - never,
        never,
        sum(len(runs.merges) for runs in found),
        sum(len(runs.merges_reached) for runs in found),
        sum(runs.failures.total() for runs in found),
        sum(runs.failures["failed"] for runs in found),
    ]


def builder_records() -> str:
    """The recorded builder."""
    counts = judge_records()
    rows: list[list[object]] = [[test, rule] for test, (_, rule) in DEVIATIONS.items()]
    return (
        "## Recorded builder\n\n"
        f"{counts['passed']} records pass, {counts['deviating']} deviate by a rule, 0 are skipped.\n\n"
        + _rows(["deviating record", "rule"], rows)
    )


def real_workflows() -> str:
    """What became of the workflows of tiers A, B and C on Ray, with real handlers."""
    found = kept()
    tiers = sorted({one["tier"] for one in found.values()})
    counts = [
        [f"**{tier}**", *_result_counts([one for one in found.values() if one["tier"] == tier])] for tier in tiers
    ]
    counts.append(["**all**", *_result_counts(list(found.values()))])
    rows = [
        [
            file.removesuffix(".json"), one["tier"], one["status"], len(one["executed"]), len(one["skipped"]),
            ", ".join(f"{node} {code}".strip() for node, code in sorted(one["failed"].items())), len(one["changed"]),
        ]
        for file, one in sorted(found.items())
    ]  # fmt: skip
    reasons = [[file, added["cannot"]] for file, added in sorted(TABLE.items()) if "cannot" in added]
    return (
        "## Real workflows on Ray, every node for real\n\n"
        "Each file of the tiers A (engine and language models), B (also HTTP, databases, files) and C (also "
        "integrations), run over HTTP on a server on Ray: a fixed model behind OpenAI's API, a local HTTP server "
        "in place of every public host, integrations answered from recorded replies (so they count as experimental), "
        "people and callbacks answered at once. `nodes changed`: configs that were completed or shortened to run here "
        "(a wait of three days becomes a moment, a node that only a mock has ever played gets what its type needs; "
        "`tests/acceptance/real_workflows.json`). Counted are nodes; one in a loop counts once.\n\n"
        + _rows(["tier", "files", "completed", "failed", "refused", "nodes executed", "skipped", "failed"], counts)
        + "\nThose that do not complete, and why:\n\n"
        + _rows(["file", "why"], reasons)
        + "\n"
        + _rows(["file", "tier", "status", "executed", "skipped", "failed", "nodes changed"], rows)
    )


def _result_counts(found: Sequence[Summary]) -> list[object]:
    statuses = Counter(one["status"] for one in found)
    return [
        len(found), statuses["completed"], statuses["failed"], statuses["refused"],
        *(sum(len(one[ending]) for one in found) for ending in ("executed", "skipped", "failed")),
    ]  # fmt: skip


def _joined(found: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(found))


def node_types() -> str:
    """What each node type was run against."""
    against: dict[str, list[str]] = {}
    for contract in contracts():
        against.setdefault(contract.node_type, []).append(contract.against)
    types = default_registry(plugins=False).node_types()
    rows = [
        [
            f"`{name}`", node_type.category, _joined(against.get(name, ())) or NO_CONTRACT.get(name, "nothing yet"),
            "experimental" if node_type.experimental else "",
        ]
        for name, node_type in sorted(types.items()) if name == node_type.name
    ]  # fmt: skip
    return (
        "## Node types, and the real thing that each ran against\n\n"
        "By the contracts in `tests/contracts`, which would notice a handler that always answers the same. "
        "What ran against fixtures only is experimental.\n\n" + _rows(["type", "category", "ran against", ""], rows)
    )


SECTIONS: list[Callable[[], str]] = [
    real_definitions, executed_definitions, real_workflows, node_types, builder_records,
]  # fmt: skip
"""One per topic, in the order of the page. Add a function here to add a topic."""


def render() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(section() for section in SECTIONS)])


def main() -> int:
    """Write the pages; 1 if the corpus is absent."""
    if CORPUS is None:
        print("the corpus of real workflows is not beside the project", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    for target, text in ((TARGET, render()), (inferred_loops.TARGET, inferred_loops.render())):
        target.write_text(text, encoding="utf-8")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
