"""Modules stop at 500 lines, functions at 60, and every module says in its first sentence what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.rules.source import line_count, modules, name_of, tree_of

MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 60

_MIGRATION = "a migration is a list of columns and is never changed again"

EXEMPT = {
    "flowray/persistence/migrations/versions/rev_0001.py": _MIGRATION,
    "flowray/persistence/migrations/versions/rev_0002.py": _MIGRATION,
}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_modules_are_short(path: Path) -> None:
    assert line_count(path) <= MAX_MODULE_LINES


@pytest.mark.parametrize("path", [path for path in modules() if name_of(path) not in EXEMPT], ids=name_of)
def test_functions_are_short(path: Path) -> None:
    functions = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", [path for path in modules() if line_count(path)], ids=name_of)
def test_modules_open_with_what_they_are(path: Path) -> None:
    docstring = ast.get_docstring(tree_of(path))
    assert docstring, "a module opens with a sentence: what it is, and what it is not"
    assert docstring.split("\n\n")[0].rstrip().endswith((".", ":")), docstring.split("\n\n")[0]


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    named = {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert [name_of(path) for path in modules() if path.name in named] == []
