"""Each module of 40 lines or more has its test file in the same place under tests/, or stands here with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.source import PACKAGE, ROOT, line_count, modules, name_of

MIN_LINES = 40

ON_RAY = "exists only in Ray's processes"
STORE_SUITE = "one suite holds for every store, in memory and in SQL"
DECLARATIONS = "declarations without behaviour"

ELSEWHERE: dict[str, tuple[str, str]] = {
    "flowray/__init__.py": ("a list of exports", "tests/rules/test_exports.py"),
    "flowray/api/deployment.py": (ON_RAY, "tests/integration"),
    "flowray/bootstrap_ray.py": (ON_RAY, "tests/integration"),
    "flowray/cli/instance.py": (ON_RAY, "tests/integration"),
    "flowray/handlers/services.py": (DECLARATIONS, "tests/fakes/services.py"),
    "flowray/persistence/memory_reader.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/records.py": (DECLARATIONS, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql_executions.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql_inbox.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql_owners.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql_reader.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql_transaction.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql_waitpoints.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql_workflows.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/stores.py": (DECLARATIONS, "tests/conformance/test_stores.py"),
    "flowray/persistence/migrations/__init__.py": ("named after its folder", "tests/persistence/migrations"),
    "flowray/persistence/migrations/versions/rev_0001.py": ("run by every test", "tests/persistence/migrations"),
    "flowray/persistence/migrations/versions/rev_0002.py": ("run by every test", "tests/persistence/migrations"),
    "flowray/runtime/interfaces.py": (DECLARATIONS, "tests/integration"),
    "flowray/wire/__init__.py": ("a list of exports", "tests/wire/test_base.py"),
    "flowray/wire/batches.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/executions.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/starts.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/system.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/workflows.py": (DECLARATIONS, "tests/wire/test_base.py"),
}
"""Module → why it has no test file of its own, and where it is tested."""

_RAY_ONLY = "flowray/runtime/on_ray/"


def _test_file(module: Path) -> Path:
    relative = module.relative_to(PACKAGE)
    return ROOT / "tests" / relative.parent / f"test_{relative.name}"


@pytest.mark.parametrize("module", [path for path in modules() if line_count(path) >= MIN_LINES], ids=name_of)
def test_a_module_has_its_test_file(module: Path) -> None:
    name = name_of(module)
    if _test_file(module).exists() or name in ELSEWHERE:
        return
    if name.startswith(_RAY_ONLY):
        assert list((ROOT / "tests" / "integration").glob("test_*.py"))
        return
    pytest.fail(f"{name} has no {name_of(_test_file(module))}")


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_exceptions_are_still_needed_and_lead_somewhere(name: str) -> None:
    module, (_reason, place) = ROOT / name, ELSEWHERE[name]
    assert module.exists(), "the exception has outlived its module"
    assert not _test_file(module).exists(), "it has its test file: remove the exception"
    assert (ROOT / place).exists()
