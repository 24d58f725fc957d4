"""All 401 real files, and SIM's seven exports, run to the end with scripted replies through every combination of their
decisions: nothing hangs, no output is lost, every merge is reached, the log replays to the same state.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.conformance.corpus_runs import FileRuns, corpus_runs, run_document, sim_runs
from tests.conformance.test_corpus_shapes import REFUSED
from tests.conformance.test_sim_exports import NAMES
from tests.corpus import load_workflow, needs_corpus, workflow_files

pytestmark = [needs_corpus, pytest.mark.corpus, pytest.mark.timeout(300)]

NEVER = {
    ("template__purchase-order-workflow.json", "integration-gmail-rejected"): (
        "no edge leads to it, and its type starts nothing (R2)"
    ),
}
"""File and node → why no combination executes it. All others are executed."""


@pytest.fixture(scope="module")
def found() -> tuple[FileRuns, ...]:
    return corpus_runs()


def test_every_file_runs_to_the_end_in_every_combination(found: tuple[FileRuns, ...]) -> None:
    assert len(found) == 401
    assert {runs.file for runs in found if runs.plan is None} == set(REFUSED)
    problems = [problem for runs in found for problem in runs.problems]
    assert problems == []
    assert all(runs.combinations and runs.statuses.total() == runs.combinations for runs in found if runs.plan)
    assert not [runs.file for runs in found if runs.capped], "more combinations than are played"


def test_every_node_runs_in_some_combination_or_it_is_said_why(found: tuple[FileRuns, ...]) -> None:
    assert {(runs.file, node_id): why for runs in found for node_id, why in runs.never.items()} == NEVER


def test_r3_every_merge_is_reached(found: tuple[FileRuns, ...]) -> None:
    missed = {runs.file: runs.merges - runs.merges_reached for runs in found if runs.merges != runs.merges_reached}
    assert missed == {}
    assert sum(len(runs.merges) for runs in found) > 200


def test_r10_one_failing_node_fails_the_run_unless_the_failure_leads_on(found: tuple[FileRuns, ...]) -> None:
    """No file has an error edge; the one ``goto`` of the corpus catches what it is drawn for."""
    assert {status for runs in found for status in runs.statuses} == {"completed"}
    assert {status for runs in found for status in runs.failures} == {"completed", "failed"}
    caught = {runs.file: runs.failures["completed"] for runs in found if runs.failures["completed"]}
    assert caught == {"testdef__task-planner__replanning-workflow.json": 1}


def test_the_refused_file_runs_once_its_author_follows_the_hint() -> None:
    """It goes back to an earlier node inside a loop without a marked body; the diagnostic says: mark it (R18)."""
    path = next(path for path in workflow_files() if path.name in REFUSED)
    meta, document = load_workflow(path)
    marked: dict[str, Any] = deepcopy(document)
    for edge in marked["edges"]:
        if edge["source"] == "loop-approvers":
            edge["sourceHandle"] = "loop-body"
        if edge["target"] == "output-1":
            edge["target"] = "loop-approvers"
    marked["edges"].append({"id": "out", "source": "loop-approvers", "target": "output-1", "sourceHandle": "loop-exit"})
    runs = run_document(path.name, meta, marked)
    assert (runs.problems, runs.never, dict(runs.statuses)) == ([], {}, {"completed": runs.combinations})
    assert runs.combinations > 3


@pytest.mark.parametrize("name", NAMES)
def test_sim_exports_run_in_every_combination(name: str) -> None:
    runs = next(runs for runs in sim_runs() if runs.file.startswith(name))
    assert (runs.problems, runs.never, runs.capped) == ([], {}, False)
    assert dict(runs.statuses) == {"completed": runs.combinations}
    # A parallel of two branches, one and none is the only decision in any of them.
    assert runs.combinations == (3 if name == "lead-enricher" else 1)
