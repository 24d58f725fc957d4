"""Documents and stored definitions become compiled workflows, each once."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.api.compilation import LARGE_NODES, WorkflowCompiler
from flowray.definition.diagnostics import Diagnostics
from flowray.definition.inputs import DeclaredInput
from flowray.errors import DefinitionError
from flowray.handlers.registry import default_registry
from flowray.plan import plan_from_json, plan_hash
from flowray.values import stable_hash
from tests.api.conftest import GREET


@pytest.fixture
def compiler() -> WorkflowCompiler:
    return WorkflowCompiler(default_registry(plugins=False), capacity=2)


async def test_a_compiled_workflow_holds_together(compiler: WorkflowCompiler) -> None:
    compiled = await compiler.document(GREET)
    assert compiled.hash == stable_hash(compiled.dumped)
    assert plan_from_json(compiled.plan_bytes) == compiled.plan
    assert compiled.plan_hash == plan_hash(compiled.plan)
    assert compiled.contract.declared == (DeclaredInput("name", "text", True),)
    again = await compiler.document(compiled.dumped)
    assert (again.hash, again.plan_hash) == (compiled.hash, compiled.plan_hash)


async def test_stored_definitions_compile_once_per_trigger(compiler: WorkflowCompiler) -> None:
    first = await compiler.stored("h", GREET)
    assert await compiler.stored("h", GREET) is first
    assert await compiler.stored("h", GREET, "in") is not first
    await compiler.stored("other", GREET)
    assert await compiler.stored("h", GREET) is not first  # pushed out: the cache holds two


async def test_large_definitions_compile_in_a_thread(compiler: WorkflowCompiler) -> None:
    nodes: dict[str, Any] = {f"n{index}": {"type": "input"} for index in range(LARGE_NODES + 1)}
    compiled = await compiler.document({"schemaVersion": 1, "nodes": nodes})
    assert len(compiled.plan.nodes) == LARGE_NODES + 1


async def test_findings_come_for_wrong_definitions_too(compiler: WorkflowCompiler) -> None:
    from_wrong = await compiler.findings({"nodes": {}}, Diagnostics())
    assert [item.code.value for item in from_wrong] == ["NO_NODES"]
    with pytest.raises(DefinitionError):
        await compiler.document({"nodes": {}})
