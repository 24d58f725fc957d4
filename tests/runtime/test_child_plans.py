"""What a call runs: the latest version, a pinned one, or an inline definition; compiled once (R19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flowray.definition.node_type import NodeType
from flowray.engine.signals import ChildCall
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.registry import default_registry
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import DeleteWorkflow, SaveWorkflow
from flowray.runtime.child_plans import CAPACITY, ChildPlans
from flowray.values import stable_hash
from tests.runtime.workflows import definition

FIRST = definition({"in": {"type": "input", "config": {"inputName": "n", "required": True}}}, name="First")
SECOND = {**FIRST, "name": "Second"}


class Shelf:
    """Plans over a store; ``compiled`` counts."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.compiled = 0
        self.plans = ChildPlans(self.store, self._node_types)

    def _node_types(self) -> Mapping[str, NodeType]:
        self.compiled += 1
        return default_registry(plugins=False).node_types()

    def save(self, document: dict[str, Any], workspace_id: str = "default") -> None:
        write = SaveWorkflow(
            id="w", name="W", hash=stable_hash(document), definition=document, ts=1, workspace_id=workspace_id
        )
        self.store.commit([write])

    def fails(self, **call: Any) -> str:
        with pytest.raises(FlowrayError) as caught:
            self.plans.of(ChildCall(**call), "default")
        assert caught.value.code is ErrorCode.NOT_FOUND
        return caught.value.message


def test_the_latest_version_or_the_one_that_is_pinned() -> None:
    shelf = Shelf()
    shelf.save(FIRST)
    shelf.save(SECOND)
    calls = [ChildCall(workflow_id="w"), ChildCall(workflow_id="w", version=1), ChildCall(workflow_id="w", version=2)]
    made = [shelf.plans.of(call, "default") for call in calls]
    assert [(plan.name, plan.workflow_id, plan.version) for plan in made] == [
        ("Second", "w", 2), ("First", "w", 1), ("Second", "w", 2),
    ]  # fmt: skip
    assert shelf.compiled == 2
    assert [entry.name for entry in made[0].contract.declared] == ["n"]


def test_an_inline_definition_is_compiled_once_and_has_no_workflow() -> None:
    shelf = Shelf()
    made = [shelf.plans.of(ChildCall(definition=dict(FIRST)), "default") for _ in range(2)]
    assert made[0] is made[1]
    assert (made[0].workflow_id, made[0].version, shelf.compiled) == (None, None, 1)


def test_what_is_not_there_is_named() -> None:
    shelf = Shelf()
    shelf.save(FIRST, workspace_id="other")
    assert shelf.fails(workflow_id="w") == "there is no workflow 'w'"
    shelf.save(FIRST)
    assert shelf.fails(workflow_id="w", version=4) == "workflow 'w' has no version 4; it is at version 1"
    shelf.store.commit([DeleteWorkflow(id="w")])
    assert shelf.fails(workflow_id="w", version=1) == "there is no workflow 'w'"


def test_a_definition_that_does_not_compile_is_refused_with_its_findings() -> None:
    with pytest.raises(FlowrayError) as caught:
        Shelf().plans.of(ChildCall(definition={"nodes": {}, "edges": []}), "default")
    assert caught.value.code is ErrorCode.INVALID_DEFINITION
    assert caught.value.details["diagnostics"]


def test_only_so_many_are_kept() -> None:
    shelf = Shelf()
    for number in range(CAPACITY + 1):
        shelf.plans.of(ChildCall(definition={**FIRST, "name": str(number)}), "default")
    assert len(shelf.plans._kept) == CAPACITY
