"""The 68 fault scenarios by number: where each is a test, or why it is none. Fails when one is missing."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FOLDER = TESTS / "durability"

_NAME = re.compile(r"test((?:_s\d\d)+)_")


@dataclass(frozen=True)
class Elsewhere:
    """``place``: a file under tests, or a test in one (``file::test``), that shows it; ``how`` it does."""

    place: str
    how: str


ELSEWHERE: dict[int, Elsewhere] = {
    24: Elsewhere("hostile/test_forgetful.py", "the functional suite with FLOWRAY_TEST_ALWAYS_RECOVER=1"),
    25: Elsewhere("integration/test_crash_points.py", "SIGKILL at every named crash point"),
}
"""Scenarios that are no test of this folder."""

MORE: dict[int, tuple[str, ...]] = {
    8: ("integration/test_kills.py",),
    19: ("runtime/test_poison.py", "simulation/test_simulation.py"),
    30: ("simulation/test_simulation.py",),
    54: ("integration/test_children.py",),
    59: ("integration/test_queues.py",),
    63: ("integration/test_triggers.py",),
}
"""What else shows them, besides tests of this folder."""


@lru_cache(maxsize=1)
def _scenarios() -> dict[int, list[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]]:
    """The tests of this folder by the numbers in their names."""
    found: dict[int, list[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]] = defaultdict(list)
    for path in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (name := _NAME.match(node.name)):
                for number in re.findall(r"\d\d", name[1]):
                    found[int(number)].append((path, node))
    return found


def test_nothing_is_numbered_that_is_no_scenario() -> None:
    assert set(_scenarios()) | set(ELSEWHERE) == set(range(1, 69))


@pytest.mark.parametrize("number", range(1, 69))
def test_a_scenario_is_a_test_or_says_where_it_is_one(number: int) -> None:
    if number in ELSEWHERE:
        assert number not in _scenarios(), "it is a test of this folder: remove it from ELSEWHERE"
        assert ELSEWHERE[number].how
        assert (TESTS / ELSEWHERE[number].place).exists()
        return
    assert _scenarios()[number]
    for place in MORE.get(number, ()):
        assert (TESTS / place).exists()


@pytest.mark.parametrize("number", range(1, 69))
def test_no_scenario_is_expected_to_fail(number: int) -> None:
    marks = [
        ast.unparse(mark)
        for _, test in _scenarios().get(number, [])
        for mark in test.decorator_list
        if "xfail" in ast.unparse(mark)
    ]
    assert not marks
