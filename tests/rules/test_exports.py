"""What a package offers is what its ``__all__`` says; packages do no work when they are imported."""

from __future__ import annotations

import ast
import importlib
import types
from pathlib import Path

import pytest

from tests.rules.source import PACKAGE, modules, name_of, tree_of

PACKAGES = [path for path in modules() if path.name == "__init__.py"]
MAX_PUBLIC_NAMES = 20
WORKS = {"flowray/persistence/migrations/__init__.py": "the package is the module that migrates"}


def _names(path: Path) -> str:
    return ".".join(path.parent.relative_to(PACKAGE.parent).parts)


@pytest.mark.parametrize("path", PACKAGES, ids=name_of)
def test_importing_a_package_does_no_work(path: Path) -> None:
    if name_of(path) in WORKS:
        return
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr, ast.FunctionDef, ast.If)
    assert [type(node).__name__ for node in tree_of(path).body if not isinstance(node, allowed)] == []


@pytest.mark.parametrize("path", [path for path in PACKAGES if name_of(path) not in WORKS], ids=name_of)
def test_exports_equal_the_public_names(path: Path) -> None:
    module = importlib.import_module(_names(path))
    imported = {
        alias.asname or alias.name
        for node in tree_of(path).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
        if not isinstance(getattr(module, alias.asname or alias.name, None), types.ModuleType)
    }
    exported = set(getattr(module, "__all__", ()))
    own = {name for name in imported if getattr(getattr(module, name, None), "__module__", "").startswith("flowray")}
    assert own <= exported
    assert all(getattr(module, name) is not None for name in exported)


def test_the_front_door_is_small() -> None:
    front = importlib.import_module("flowray")
    assert len(getattr(front, "__all__", ())) <= MAX_PUBLIC_NAMES


def test_every_public_name_has_a_docstring() -> None:
    front = importlib.import_module("flowray")
    bare = [name for name in getattr(front, "__all__", ()) if not getattr(getattr(front, name), "__doc__", None)]
    assert bare == []
