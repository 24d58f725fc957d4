"""Shared memory of scope workflow, as a node reads and changes it (R17)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowray.engine.shared_memory import SharedEntry
from flowray.engine.signals import VariableOperation
from flowray.errors import FlowrayError
from flowray.handlers.services import MemoryPlace, MemoryView, Services
from flowray.handlers.workflow_memory import check_shareable
from flowray.values import encode_json
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output, succeed

PLACE = MemoryPlace(workflow_id="wf", max_entries=3, max_value_bytes=20, max_total_bytes=30)
KEPT = {"log": ["a"], "n": 3, "note": "fish"}


class FixedMemory:
    """Always the same; keeps what was asked for."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = {key: SharedEntry(value, len(encode_json(value))) for key, value in kept.items()}
        self.asked: list[str | None] = []

    async def read(self, place: MemoryPlace, key: str | None = None) -> MemoryView:
        assert place == PLACE
        self.asked.append(key)
        entries = self.kept if key is None else {name: entry for name, entry in self.kept.items() if name == key}
        return MemoryView(entries, len(self.kept), sum(entry.bytes for entry in self.kept.values()))


def having(**kept: Any) -> dict[str, Any]:
    services: Services = replace(fake_services(), memory=FixedMemory(kept or KEPT))
    return {"services": services, "workflow_id": "wf", "memory": PLACE, "shared": {"log": "the execution's own"}}


def node(operation: str, key: str | None = None, **more: Any) -> dict[str, Any]:
    return {"operation": operation, "scope": "workflow", **({} if key is None else {"key": key}), **more}


def change(op: str, name: str, value: Any = None) -> VariableOperation:
    return VariableOperation(op=op, name=name, value=value, workflow=True)


async def test_r17_changes_ride_in_the_result() -> None:
    result = await succeed("shared-memory", node("append", "log", value="b"), **having())
    assert result.variables == (change("append", "log", "b"),)
    assert result.output == {"key": "log", "stored": True}
    assert (await succeed("shared-memory", node("delete", "n"), **having())).variables == (change("delete", "n"),)
    stepped = await succeed("shared-memory", node("increment", "n", value="2"), **having())
    assert stepped.variables == (change("increment", "n", 2),)


async def test_r17_reads_are_of_the_workflow_and_only_of_what_is_needed() -> None:
    world = having()
    assert await output("shared-memory", node("get", "log"), **world) == ["a"]
    assert await output("shared-memory", node("get", "gone", defaultValue=7), **world) == 7
    assert world["services"].memory.asked == ["log", "gone"]
    assert await output("shared-memory", node("list", prefix="n"), **world) == {"keys": ["n", "note"], "count": 2}
    found = await output("shared-memory", node("search", searchQuery="FISH"), **world)
    assert found["results"] == [{"key": "note", "value": "fish", "similarity": 1.0}]
    assert world["services"].memory.asked[2:] == [None, None]


@pytest.mark.parametrize(
    ("config", "kept", "text"),
    [
        (node("set", "new", value=1), {"a": 1, "b": 2, "c": 3}, "would have 4 entries; the limit is 3"),
        (node("set", "a", value="x" * 19), {"a": 1}, "an entry of 21 bytes; the limit is 20"),
        (node("append", "a", value="x" * 10), {"a": "y" * 10}, "an entry of 22 bytes; the limit is 20"),
        (node("set", "b", value="x" * 14), {"a": "y" * 14}, "would have 32 bytes; the limit is 30"),
    ],
)
async def test_r17_limits_are_coded_errors(config: dict[str, Any], kept: dict[str, Any], text: str) -> None:
    error = await fail("shared-memory", config, **having(**kept))
    assert error.code == "SHARED_MEMORY_LIMIT_EXCEEDED"
    assert text in error.message
    assert "sharedMemory" in (error.hint or "")


async def test_r17_over_a_limit_what_shrinks_it_is_let_through() -> None:
    world = having(a="x" * 18, b="x" * 18)
    assert (await succeed("shared-memory", node("delete", "a"), **world)).variables == (change("delete", "a"),)
    assert (await succeed("shared-memory", node("set", "a", value=1), **world)).variables == (change("set", "a", 1),)


async def test_r17_what_does_not_fit_the_entry_is_a_coded_error() -> None:
    error = await fail("shared-memory", node("increment", "note"), **having())
    assert (error.code, "increment needs numbers" in error.message) == ("VARIABLE_MISMATCH", True)


@pytest.mark.parametrize("operation", ["get", "set", "search"])
async def test_an_execution_of_no_stored_workflow_has_none(operation: str) -> None:
    error = await fail("shared-memory", node(operation, "k", searchQuery="x"))
    assert error.code == "INVALID_NODE_CONFIG"
    assert "needs a stored workflow" in error.message
    assert "scope 'execution'" in (error.hint or "")


@pytest.mark.parametrize("key", ["k" * 501, "ü" * 251, "a\0b"])
async def test_keys_that_no_database_can_index_are_refused(key: str) -> None:
    for config in (node("set", key, value=1), node("get", key)):
        error = await fail("shared-memory", config, **having())
        assert (error.code, "is no key" in error.message) == ("INVALID_NODE_CONFIG", True)
    assert (await succeed("shared-memory", node("set", "k" * 500, value=1), **having(a=1))).variables


def test_operations_of_any_handler_are_checked() -> None:
    check_shareable([VariableOperation("set", "x" * 1_000), change("set", "ok")], "wf")
    with pytest.raises(FlowrayError, match="needs a stored workflow"):
        check_shareable([change("set", "ok")], None)


async def test_a_lane_that_was_given_no_memory_says_so() -> None:
    error = await fail("shared-memory", node("get", "k"), workflow_id="wf", memory=PLACE)
    assert (error.code, "no access" in error.message) == ("CONFIGURATION", True)
