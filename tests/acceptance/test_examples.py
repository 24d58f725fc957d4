"""The ten workflows in ``examples/``, each with several inputs, over HTTP on Ray. The table is ``example_cases``."""

from __future__ import annotations

import pytest

from tests.acceptance.cases import Case, Run, check
from tests.acceptance.conftest import FULL
from tests.acceptance.example_cases import example_cases
from tests.example_replies import EXAMPLES

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1200 if FULL else 300)]

CASES = {case.id: case for case in example_cases("http://world")}
SERVE = list(CASES)
LITERAL = SERVE if FULL else list({one.partition("[")[0]: one for one in reversed(SERVE)}.values())
"""One case per file in the literal shape: each dedicated execution starts processes, about 2 s of CPU."""


@pytest.fixture(scope="module")
def cases(world: str) -> dict[str, Case]:
    """Every case by id."""
    return {case.id: case for case in example_cases(world)}


@pytest.mark.parametrize("name", SERVE)
def test_an_example_takes_its_course(cases: dict[str, Case], serve_runs: dict[str, Run], name: str) -> None:
    """Executed, skipped and failed nodes; outputs; prompts as asked; errors with node and attempt."""
    check(cases[name], serve_runs[name])


@pytest.mark.parametrize("name", LITERAL)
def test_the_same_in_the_literal_shape(cases: dict[str, Case], literal_runs: dict[str, Run], name: str) -> None:
    """A dedicated orchestrator actor and one Ray task per node change nothing."""
    check(cases[name], literal_runs[name])


def test_every_example_is_run_with_several_inputs() -> None:
    """Ten files, at least three cases each."""
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".json", ".yaml")}
    assert len(files) == 10
    assert {file: sum(one.startswith(f"{file}[") for one in CASES) >= 3 for file in files} == dict.fromkeys(files, True)
