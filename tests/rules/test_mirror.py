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
    "flowray/persistence/memory_queues.py": (STORE_SUITE, "tests/conformance/test_queue_store.py"),
    "flowray/persistence/queue_tables.py": (DECLARATIONS, "tests/conformance/test_queue_store.py"),
    "flowray/persistence/sql_queue_reader.py": (STORE_SUITE, "tests/conformance/test_queue_store.py"),
    "flowray/persistence/sql_queues.py": (STORE_SUITE, "tests/conformance/test_queue_store.py"),
    "flowray/wire/queues.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/persistence/migrations/__init__.py": ("named after its folder", "tests/persistence/migrations"),
    "flowray/persistence/migrations/versions/rev_0001.py": ("run by every test", "tests/persistence/migrations"),
    "flowray/persistence/migrations/versions/rev_0002.py": ("run by every test", "tests/persistence/migrations"),
    "flowray/persistence/callback_writes.py": (DECLARATIONS, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/callbacks.py": (STORE_SUITE, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/memory_retention.py": (STORE_SUITE, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/memory_shared.py": (STORE_SUITE, "tests/conformance/test_memory_store.py"),
    "flowray/persistence/retention_writes.py": (DECLARATIONS, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/sql_memory.py": (STORE_SUITE, "tests/conformance/test_memory_store.py"),
    "flowray/persistence/sql_retention.py": (STORE_SUITE, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/sql_upkeep.py": (STORE_SUITE, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/upkeep_records.py": (DECLARATIONS, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/memory_spent.py": (STORE_SUITE, "tests/conformance/test_spent_store.py"),
    "flowray/persistence/spent_writes.py": (DECLARATIONS, "tests/conformance/test_spent_store.py"),
    "flowray/persistence/sql_spent.py": (STORE_SUITE, "tests/conformance/test_spent_store.py"),
    "flowray/persistence/sql_values.py": (STORE_SUITE, "tests/conformance/test_spent_store.py"),
    "flowray/persistence/limit_writes.py": (DECLARATIONS, "tests/conformance/test_limit_store.py"),
    "flowray/persistence/memory_callbacks.py": (STORE_SUITE, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/memory_limits.py": (STORE_SUITE, "tests/conformance/test_limit_store.py"),
    "flowray/persistence/sql_callbacks.py": (STORE_SUITE, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/sql_limits.py": (STORE_SUITE, "tests/conformance/test_limit_store.py"),
    "flowray/runtime/executor.py": (DECLARATIONS, "tests/runtime/test_driver.py"),
    "flowray/wire/limits.py": (DECLARATIONS, "tests/api/routes/test_limits.py"),
    "flowray/wire/callbacks.py": (DECLARATIONS, "tests/api/routes/test_callbacks.py"),
    "flowray/persistence/memory_shared_children.py": (STORE_SUITE, "tests/conformance/test_shared_child_store.py"),
    "flowray/persistence/shared_children.py": (STORE_SUITE, "tests/conformance/test_shared_child_store.py"),
    "flowray/persistence/sql_shared_children.py": (STORE_SUITE, "tests/conformance/test_shared_child_store.py"),
    "flowray/persistence/callback_tables.py": (DECLARATIONS, "tests/persistence/test_tables.py"),
    "flowray/persistence/limit_tables.py": (DECLARATIONS, "tests/persistence/test_tables.py"),
    "flowray/api/event_triggers.py": ("through its only route", "tests/api/routes/test_events_in.py"),
    "flowray/api/triggers.py": ("through its routes", "tests/api/routes/test_triggers.py"),
    "flowray/api/webhooks.py": ("through its routes", "tests/api/routes/test_hooks.py"),
    "flowray/persistence/memory_triggers.py": (STORE_SUITE, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/sql_trigger_reader.py": (STORE_SUITE, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/sql_triggers.py": (STORE_SUITE, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/trigger_reading.py": (DECLARATIONS, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/trigger_records.py": (DECLARATIONS, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/trigger_tables.py": (DECLARATIONS, "tests/persistence/test_tables.py"),
    "flowray/persistence/trigger_writes.py": (DECLARATIONS, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/memory_waitpoints.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/sql_imports.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/sql_shared_waitpoints.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/sql_waitpoint_locks.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/sql_metadata.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/wire/bulk.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/api/routes/bulk.py": ("routes of api/bulk.py", "tests/api/test_bulk.py"),
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
