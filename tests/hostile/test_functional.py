"""No test of a feature stays out of the hostile modes unnoticed."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

from tests.hostile.functional import BY_HAND, IN_FILES, IN_PROCESS, LARGE, LEFT_OUT, ON_RAY

ROOT = Path(__file__).parents[2]
RUNS_WORKFLOWS = re.compile(
    r"LocalRuntime|LocalServer|FlowrayServer|open_world|app_over|trigger_calls"
    r"|runtime\.harness import .*(?:House|Desk)|runtime\.test_local import bench|runtime\.test_waitpoints import"
)
LISTED = [*IN_PROCESS, *BY_HAND, *ON_RAY, *LEFT_OUT]


def candidates() -> list[str]:
    folders = (ROOT / "tests" / name for name in ("runtime", "api", "integration"))
    files = chain.from_iterable(folder.rglob("test_*.py") for folder in folders)
    found = (file.relative_to(ROOT).as_posix() for file in files if RUNS_WORKFLOWS.search(file.read_text()))
    return sorted({*found, "tests/integration/test_command_line.py"})


def test_there_is_something_to_look_for() -> None:
    assert len(candidates()) > 50


@pytest.mark.parametrize("path", candidates())
def test_what_runs_workflows_runs_hostile_or_says_why_not(path: str) -> None:
    assert LISTED.count(path) == 1, "add it to a list of tests/hostile/functional.py"


@pytest.mark.parametrize("path", [*LISTED, *(name.partition("::")[0] for name in LARGE)])
def test_what_is_listed_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", [*LARGE, *IN_FILES])
def test_what_is_left_out_by_name_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert f"def {test}(" in (ROOT / path).read_text()
