"""Each module of 40 lines or more has its test file in the same place under tests/, or stands here with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.source import PACKAGE, ROOT, line_count, modules, name_of

MIN_LINES = 40

ON_RAY = "exists only in Ray's processes"
STORE_SUITE = "one suite holds for every store, in memory and in SQL"
DECLARATIONS = "declarations without behaviour"
ALL_FORMATS = "one suite holds for all formats"
IMPORTER = "a part of the importer"
_IMPORTED = "tests/definition/dialects"
_FORMATS = "tests/handlers/documents/formats/test_reading.py"
_LAYING_OUT = "tests/handlers/documents/formats/test_pdf_writing.py"
_PARSING = "tests/handlers/documents/test_parse_document.py"

ELSEWHERE: dict[str, tuple[str, str]] = {
    "flowray/handlers/data/code/config.py": (DECLARATIONS, "tests/handlers/data/code/test_handler.py"),
    "flowray/handlers/databases.py": (DECLARATIONS, "tests/handlers/providers/test_sql_databases.py"),
    "flowray/handlers/data/database/config.py": (DECLARATIONS, "tests/handlers/data/database/test_handler.py"),
    "flowray/handlers/data/database/building.py": ("with its handler", "tests/handlers/data/database/test_handler.py"),
    "flowray/handlers/programs.py": (DECLARATIONS, "tests/handlers/data/code/test_handler.py"),
    "flowray/runtime/sandbox/calls.py": (DECLARATIONS, "tests/runtime/sandbox/test_evaluation.py"),
    "flowray/runtime/sandbox/cpython_program.py": (
        "as the process that runs it",
        "tests/runtime/sandbox/test_confined_process.py",
    ),
    "flowray/runtime/sandbox/worker.py": ("with the pool that has it", "tests/runtime/sandbox/test_worker_pool.py"),
    "flowray/runtime/last_words.py": ("with the executions that nobody can take over", "tests/runtime/test_poison.py"),
    "flowray/runtime/performers.py": ("with the lane that has it", "tests/runtime/test_lane.py"),
    "flowray/handlers/agents/approval.py": ("a part of the agent", "tests/handlers/agents/test_agent.py"),
    "flowray/handlers/agents/calling.py": ("a part of the agent", "tests/handlers/agents/test_agent.py"),
    "flowray/handlers/agents/config.py": ("a part of the agent", "tests/handlers/agents/test_agent.py"),
    "flowray/handlers/agents/journal.py": ("a part of the agent", "tests/handlers/agents/test_agent.py"),
    "flowray/handlers/agents/model.py": ("a part of the agent", "tests/handlers/agents/test_agent.py"),
    "flowray/handlers/agents/results.py": ("a part of the agent", "tests/handlers/agents/test_agent.py"),
    "flowray/handlers/agents/tools.py": ("a part of the agent", "tests/handlers/agents/test_agent.py"),
    "flowray/engine/scope_folding.py": ("the part of folding that is about scopes", "tests/engine/test_iteration.py"),
    "flowray/handlers/mailing.py": (DECLARATIONS, "tests/handlers/mail/test_email.py"),
    "flowray/handlers/search.py": (DECLARATIONS, "tests/handlers/web/test_web_search.py"),
    "flowray/handlers/documents/extraction.py": ("with the type that reads all kinds", _PARSING),
    "flowray/handlers/documents/formats/fonts.py": ("with the PDF that needs them", _LAYING_OUT),
    "flowray/handlers/documents/formats/safe_html.py": ("with the PDF that it is for", _LAYING_OUT),
    "flowray/handlers/documents/formats/limits.py": (ALL_FORMATS, _FORMATS),
    "flowray/handlers/documents/formats/pdf.py": (ALL_FORMATS, _FORMATS),
    "flowray/handlers/documents/formats/sheets.py": (ALL_FORMATS, _FORMATS),
    "flowray/handlers/documents/formats/word.py": (ALL_FORMATS, _FORMATS),
    "flowray/definition/dialects/n8n/javascript.py": (IMPORTER, f"{_IMPORTED}/n8n/test_expressions.py"),
    "flowray/definition/dialects/n8n/items.py": (IMPORTER, f"{_IMPORTED}/n8n/test_importing.py"),
    "flowray/definition/dialects/n8n/lists.py": (IMPORTER, f"{_IMPORTED}/n8n/test_nodes.py"),
    "flowray/definition/dialects/n8n/models.py": (IMPORTER, f"{_IMPORTED}/n8n/test_nodes.py"),
    "flowray/definition/dialects/n8n/files.py": (IMPORTER, f"{_IMPORTED}/n8n/test_nodes.py"),
    "flowray/definition/dialects/n8n/web.py": (IMPORTER, f"{_IMPORTED}/n8n/test_nodes.py"),
    "flowray/definition/dialects/n8n/stores.py": (IMPORTER, f"{_IMPORTED}/n8n/test_nodes.py"),
    "flowray/definition/dialects/dify/conditions.py": (IMPORTER, f"{_IMPORTED}/dify/test_document.py"),
    "flowray/definition/dialects/dify/models.py": (IMPORTER, f"{_IMPORTED}/dify/test_nodes.py"),
    "flowray/__init__.py": ("a list of exports", "tests/rules/test_exports.py"),
    "flowray/api/deployment.py": (ON_RAY, "tests/integration"),
    "flowray/bootstrap_ray.py": (ON_RAY, "tests/integration"),
    "flowray/handlers/integrations/brought.py": ("with MCP", "tests/handlers/integrations/test_mcp_provider.py"),
    "flowray/handlers/operations.py": (DECLARATIONS, "tests/fakes/integrations.py"),
    "flowray/handlers/connections.py": (DECLARATIONS, "tests/handlers/integrations/test_integration.py"),
    "flowray/handlers/knowledge_bases.py": (DECLARATIONS, "tests/runtime/test_knowledge.py"),
    "flowray/handlers/services.py": (DECLARATIONS, "tests/fakes/services.py"),
    "flowray/persistence/memory/reader.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/records/executions.py": (DECLARATIONS, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql/executions.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/inbox/sql.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql/owners.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql/reader.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/database/transaction.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/waitpoints/sql.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/sql/workflows.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/stores.py": (DECLARATIONS, "tests/conformance/test_stores.py"),
    "flowray/persistence/queues/memory.py": (STORE_SUITE, "tests/conformance/test_queue_store.py"),
    "flowray/persistence/queues/tables.py": (DECLARATIONS, "tests/conformance/test_queue_store.py"),
    "flowray/persistence/queues/sql_reader.py": (STORE_SUITE, "tests/conformance/test_queue_store.py"),
    "flowray/persistence/queues/sql.py": (STORE_SUITE, "tests/conformance/test_queue_store.py"),
    "flowray/wire/queues.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/persistence/migrations/__init__.py": ("named after its folder", "tests/persistence/migrations"),
    "flowray/persistence/migrations/versions/rev_0001.py": ("run by every test", "tests/persistence/migrations"),
    "flowray/persistence/migrations/versions/rev_0002.py": ("run by every test", "tests/persistence/migrations"),
    "flowray/persistence/writes/callbacks.py": (DECLARATIONS, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/callbacks/records.py": (STORE_SUITE, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/retention/memory.py": (STORE_SUITE, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/workflow_memory/memory.py": (STORE_SUITE, "tests/conformance/test_memory_store.py"),
    "flowray/persistence/writes/retention.py": (DECLARATIONS, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/workflow_memory/sql.py": (STORE_SUITE, "tests/conformance/test_memory_store.py"),
    "flowray/persistence/retention/sql.py": (STORE_SUITE, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/retention/sql_upkeep.py": (STORE_SUITE, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/retention/upkeep.py": (DECLARATIONS, "tests/conformance/test_retention_store.py"),
    "flowray/persistence/retention/memory_spent.py": (STORE_SUITE, "tests/conformance/test_spent_store.py"),
    "flowray/persistence/writes/spent.py": (DECLARATIONS, "tests/conformance/test_spent_store.py"),
    "flowray/persistence/retention/sql_spent.py": (STORE_SUITE, "tests/conformance/test_spent_store.py"),
    "flowray/persistence/retention/sql_values.py": (STORE_SUITE, "tests/conformance/test_spent_store.py"),
    "flowray/wire/connections.py": (DECLARATIONS, "tests/api/routes/test_connections.py"),
    "flowray/api/connections.py": ("through its routes", "tests/api/routes/test_connections.py"),
    "flowray/persistence/writes/connections.py": (DECLARATIONS, "tests/conformance/test_connection_store.py"),
    "flowray/persistence/connections/changes.py": (STORE_SUITE, "tests/conformance/test_connection_store.py"),
    "flowray/persistence/connections/memory.py": (STORE_SUITE, "tests/conformance/test_connection_store.py"),
    "flowray/persistence/connections/sql.py": (STORE_SUITE, "tests/conformance/test_connection_store.py"),
    "flowray/persistence/connections/records.py": (DECLARATIONS, "tests/conformance/test_connection_store.py"),
    "flowray/persistence/writes/limits.py": (DECLARATIONS, "tests/conformance/test_limit_store.py"),
    "flowray/persistence/callbacks/memory.py": (STORE_SUITE, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/knowledge/memory.py": (STORE_SUITE, "tests/conformance/test_knowledge_store.py"),
    "flowray/persistence/knowledge/sql.py": (STORE_SUITE, "tests/conformance/test_knowledge_store.py"),
    "flowray/persistence/knowledge/sql_reader.py": (STORE_SUITE, "tests/conformance/test_knowledge_store.py"),
    "flowray/persistence/knowledge/tables.py": (STORE_SUITE, "tests/conformance/test_knowledge_store.py"),
    "flowray/persistence/records/knowledge.py": (DECLARATIONS, "tests/conformance/test_knowledge_store.py"),
    "flowray/persistence/writes/knowledge.py": (DECLARATIONS, "tests/conformance/test_knowledge_store.py"),
    "flowray/persistence/limits/memory.py": (STORE_SUITE, "tests/conformance/test_limit_store.py"),
    "flowray/persistence/callbacks/sql.py": (STORE_SUITE, "tests/conformance/test_callback_store.py"),
    "flowray/persistence/limits/sql.py": (STORE_SUITE, "tests/conformance/test_limit_store.py"),
    "flowray/runtime/executor.py": (DECLARATIONS, "tests/runtime/test_driver.py"),
    "flowray/wire/knowledge.py": (DECLARATIONS, "tests/api/routes/test_knowledge.py"),
    "flowray/wire/limits.py": (DECLARATIONS, "tests/api/routes/test_limits.py"),
    "flowray/wire/callbacks.py": (DECLARATIONS, "tests/api/routes/test_callbacks.py"),
    "flowray/persistence/shared_children/memory.py": (STORE_SUITE, "tests/conformance/test_shared_child_store.py"),
    "flowray/persistence/shared_children/calls.py": (STORE_SUITE, "tests/conformance/test_shared_child_store.py"),
    "flowray/persistence/sql/shared_children.py": (STORE_SUITE, "tests/conformance/test_shared_child_store.py"),
    "flowray/persistence/callbacks/tables.py": (DECLARATIONS, "tests/persistence/database/test_tables.py"),
    "flowray/persistence/limits/tables.py": (DECLARATIONS, "tests/persistence/database/test_tables.py"),
    "flowray/api/triggers/events.py": ("through its only route", "tests/api/routes/test_events_in.py"),
    "flowray/api/triggers/setup.py": ("through its routes", "tests/api/routes/test_triggers.py"),
    "flowray/api/triggers/webhooks.py": ("through its routes", "tests/api/routes/test_hooks.py"),
    "flowray/persistence/triggers/memory.py": (STORE_SUITE, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/triggers/sql_reader.py": (STORE_SUITE, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/triggers/sql.py": (STORE_SUITE, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/triggers/reading.py": (DECLARATIONS, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/records/triggers.py": (DECLARATIONS, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/triggers/tables.py": (DECLARATIONS, "tests/persistence/database/test_tables.py"),
    "flowray/persistence/writes/triggers.py": (DECLARATIONS, "tests/conformance/test_trigger_store.py"),
    "flowray/persistence/waitpoints/memory.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/sql/imports.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/waitpoints/sql_shared.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/database/waitpoint_locks.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/persistence/sql/metadata.py": (STORE_SUITE, "tests/conformance/test_waitpoint_store.py"),
    "flowray/handlers/ai/asking.py": ("config fields", "tests/handlers/ai/test_llm.py"),
    "flowray/handlers/ai/drawing.py": ("with the nodes that draw", "tests/handlers/ai/test_image_generation.py"),
    "flowray/handlers/answers.py": (STORE_SUITE, "tests/conformance/test_answer_cache.py"),
    "flowray/persistence/llm_cache/sql.py": (STORE_SUITE, "tests/conformance/test_answer_cache.py"),
    "flowray/handlers/model_calls.py": (DECLARATIONS, "tests/handlers/providers/test_openai_models.py"),
    "flowray/handlers/providers/fake_models.py": ("over HTTP", "tests/handlers/providers/test_openai_models.py"),
    "flowray/handlers/providers/openai_clients.py": ("over HTTP", "tests/handlers/providers/test_chat_models.py"),
    "flowray/wire/bulk.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/api/routes/bulk.py": ("routes of api/starts/bulk.py", "tests/api/starts/test_bulk.py"),
    "flowray/runtime/interfaces.py": (DECLARATIONS, "tests/integration"),
    "flowray/wire/__init__.py": ("a list of exports", "tests/wire/test_base.py"),
    "flowray/wire/batches.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/executions.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/starts.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/system.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/wire/workflows.py": (DECLARATIONS, "tests/wire/test_base.py"),
    "flowray/persistence/records/__init__.py": ("a list of exports", "tests/rules/test_exports.py"),
    "flowray/persistence/writes/__init__.py": ("a list of exports", "tests/rules/test_exports.py"),
    "flowray/persistence/records/waitpoints.py": (DECLARATIONS, "tests/conformance/test_stores.py"),
    "flowray/persistence/writes/executions.py": (DECLARATIONS, "tests/persistence/writes/test_codec.py"),
    "flowray/persistence/writes/results.py": (DECLARATIONS, "tests/persistence/writes/test_codec.py"),
    "flowray/persistence/writes/workflows.py": (DECLARATIONS, "tests/persistence/writes/test_codec.py"),
    "flowray/persistence/writes/owners.py": (DECLARATIONS, "tests/persistence/writes/test_codec.py"),
    "flowray/persistence/memory_tables.py": (STORE_SUITE, "tests/conformance/test_stores.py"),
    "flowray/persistence/payloads/store.py": (
        "with the stores that use it",
        "tests/persistence/payloads/test_directory.py",
    ),
    "flowray/persistence/payloads/database.py": (
        "with the stores that use it",
        "tests/persistence/payloads/test_directory.py",
    ),
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
