"""Real product workflows, historical fixtures and test definitions of the corpus, run over HTTP on Ray.

``expected.json`` is a reviewed table: what each run must execute, skip and put out, what the model is asked, and where
the expectation comes from. Its ``set`` and ``without`` are what a case changes in the definition.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cases import Case, Run, check
from tests.acceptance.conftest import FULL
from tests.corpus import CORPUS, needs_corpus

pytestmark = [pytest.mark.ray, pytest.mark.corpus, needs_corpus, pytest.mark.timeout(1200 if FULL else 300)]

ROWS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "expected.json").read_text(encoding="utf-8"))
TYPES = {"input", "output", "trigger", "transform", "conditional", "condition", "if", "variable", "http", "llm", "wait"}
PRODUCT_FILES = 27
TEST_DEFINITIONS = 15
"""At least so many of them run to their end, beside those that fail as they should."""


def case_id(row: dict[str, Any]) -> str:
    """File and case; what a test is called."""
    return f"{row['file'].removesuffix('.json')}[{row['case']}]"


SERVE = [case_id(row) for row in ROWS]
FIRST_OF_FILE = {row["file"]: case_id(row) for row in reversed(ROWS)}
MANY_ALIKE = ("histtemplate__", "testdef__")
ALIKE_CHOSEN = ("api-doc", "meeting", "social", "testdef__transform__extract", "testdef__web-data__http-basic")
FEW = [
    one for one in FIRST_OF_FILE.values() if not one.startswith(MANY_ALIKE) or any(part in one for part in ALIKE_CHOSEN)
]
LITERAL = SERVE if FULL else FEW
"""What runs in the literal shape: the first case of each product file and fixture, and of files that are alike a few.

Each dedicated execution starts processes, about 2 s of CPU. ``FLOWRAY_ACCEPTANCE_FULL=1`` runs every case in it.
"""


@cache
def index() -> dict[str, dict[str, Any]]:
    """The corpus's index by file: only what is made of this issue's types."""
    assert CORPUS is not None
    rows = json.loads((CORPUS / "flowmaestro" / "index.json").read_text(encoding="utf-8"))
    return {row["file"]: row for row in rows if set(row["types"]) <= TYPES | {"comment"}}


def localized(value: Any, world: str) -> Any:
    """``value`` with every public host replaced by the local server; example hosts keep their names in the path."""
    text = json.dumps(value).replace("https://jsonplaceholder.typicode.com", world).replace("{world}", world)
    return json.loads(re.sub(r"https://([a-z.]+\.com)\b", rf"{world}/at/\1", text))


def as_case(row: dict[str, Any], world: str) -> Case:
    """The row with its definition, changed as the row says."""
    assert CORPUS is not None
    path = CORPUS / "flowmaestro" / "workflows" / row["file"]
    definition = json.loads(path.read_text(encoding="utf-8"))["definition"]
    for node_id, changes in row.get("set", {}).items():
        definition["nodes"][node_id]["config"].update(changes)
    definition["edges"] = [edge for edge in definition["edges"] if edge["id"] not in row.get("without", ())]
    fields = {
        key: value for key, value in row.items() if key not in ("file", "case", "source", "set", "without", "later")
    }
    inputs = localized(fields.pop("inputs"), world)
    return Case(id=case_id(row), definition=localized(definition, world), inputs=inputs, **fields)


@pytest.fixture(scope="module")
def cases(world: str) -> dict[str, Case]:
    """Every case by id."""
    return {case_id(row): as_case(row, world) for row in ROWS}


@pytest.mark.parametrize("name", SERVE)
def test_a_corpus_workflow_takes_its_course(cases: dict[str, Case], serve_runs: dict[str, Run], name: str) -> None:
    """Executed and skipped nodes, outputs, prompts as asked (another prompt would get another answer), errors."""
    check(cases[name], serve_runs[name])


@pytest.mark.parametrize("name", LITERAL)
def test_the_same_in_the_literal_shape(cases: dict[str, Case], literal_runs: dict[str, Run], name: str) -> None:
    """A dedicated orchestrator actor and one Ray task per node change nothing."""
    check(cases[name], literal_runs[name])


def test_every_product_workflow_and_fixture_of_these_types_is_in_the_table() -> None:
    """27 files that are no test definitions; of the test definitions, all."""
    files = {row["file"] for row in ROWS}
    assert files == set(index())
    product = {file for file in files if not file.startswith("testdef__")}
    assert len(product) == PRODUCT_FILES


def test_enough_test_definitions_run_to_their_end() -> None:
    """The others fail by design, and the table says how."""
    ran = {row["file"] for row in ROWS if row["file"].startswith("testdef__") and "error" not in row}
    assert len(ran) >= TEST_DEFINITIONS
    assert all("error" in row or row["completed"] for row in ROWS if "refused" not in row)


def test_every_branch_is_taken_somewhere() -> None:
    """Each node of each product workflow is completed by one case at least."""
    done: dict[str, set[str]] = {}
    for row in ROWS:
        done.setdefault(row["file"], set()).update(row.get("completed", ()))
    assert CORPUS is not None
    for file, completed in done.items():
        if not file.startswith("testdef__"):
            document = json.loads((CORPUS / "flowmaestro" / "workflows" / file).read_text(encoding="utf-8"))
            assert completed >= set(document["definition"]["nodes"]), file
