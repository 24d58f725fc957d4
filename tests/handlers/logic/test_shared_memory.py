"""The shared-memory node: operations, spellings, what it refuses (R17)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import VariableOperation
from tests.handlers.running import fail, output, succeed

SHARED = {"lang": "de", "log": ["a"], "note": "fish and chips", "notes": {"text": "fish"}}


def change(op: str, name: str, value: Any = None) -> VariableOperation:
    """What the engine is asked to do."""
    return VariableOperation(op=op, name=name, value=value, shared=True)


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ({"operation": "store", "key": "k", "value": "{{a}}"}, change("set", "k", [1])),
        ({"operation": "set", "key": "item_{{n}}", "value": "{{n}} of {{a}}"}, change("set", "item_7", "7 of [1]")),
        ({"operation": "store", "key": "k"}, change("set", "k", "")),
        ({"operation": "store", "key": 5, "value": None}, change("set", "5", None)),
        ({"operation": "append", "key": "log", "value": "b"}, change("append", "log", "b")),
        ({"operation": "increment", "key": "n"}, change("increment", "n", 1)),
        ({"operation": "increment", "key": "n", "value": "2.5"}, change("increment", "n", 2.5)),
        ({"operation": "merge", "key": "o", "value": '{"x": 1}', "valueType": "json"}, change("merge", "o", {"x": 1})),
    ],
)
async def test_changes_are_the_engines(config: dict[str, Any], sent: VariableOperation) -> None:
    result = await succeed("shared-memory", config, inputs={"a": [1], "n": 7}, shared=SHARED)
    assert result.variables == (sent,)
    assert result.output == {"key": sent.name, "stored": True}


async def test_get_reads_and_changes_nothing() -> None:
    result = await succeed("sharedMemory", {"operation": "get", "key": "lang"}, shared=SHARED)
    assert (result.output, result.variables) == ("de", ())
    assert await output("shared-memory", {"operation": "get", "key": "gone"}, shared=SHARED) is None
    gone = {"operation": "get", "key": "gone", "defaultValue": {"count": 0}}
    assert await output("shared-memory", gone, shared=SHARED) == {"count": 0}


async def test_delete_says_whether_it_was_there() -> None:
    result = await succeed("shared-memory", {"operation": "delete", "key": "log"}, shared=SHARED)
    assert (result.output, result.variables) == ({"key": "log", "deleted": True}, (change("delete", "log"),))
    assert (await output("shared-memory", {"operation": "delete", "key": "x"}))["deleted"] is False


async def test_list_by_prefix() -> None:
    assert await output("shared-memory", {"operation": "list"}, shared=SHARED) == {"keys": list(SHARED), "count": 4}
    found = await output("shared-memory", {"operation": "list", "prefix": "note"}, shared=SHARED)
    assert found == {"keys": ["note", "notes"], "count": 2}


async def test_search() -> None:
    config = {"operation": "search", "searchQuery": "{{q}}", "topK": 5, "similarityThreshold": 0.7}
    assert await output("shared-memory", config, inputs={"q": "Fish chips"}, shared=SHARED) == {
        "query": "Fish chips",
        "results": [{"key": "note", "value": "fish and chips", "similarity": 1.0}],
        "resultCount": 1,
    }


async def test_templates_read_entries() -> None:
    assert await output("output", {"outputName": "r", "value": "{{shared.log}}"}, shared=SHARED) == {"r": ["a"]}
    assert await output("output", {"outputName": "r", "value": "{{shared.log[0]}} {{lang}}"}, shared=SHARED) == {
        "r": "a de"
    }


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"operation": "store", "value": 1}, "key: Required for store"),
        ({"operation": "search"}, "searchQuery: Required"),
        ({"operation": "forget", "key": "k"}, "operation"),
        ({"operation": "store", "key": "k", "scope": "workflow"}, "scope"),
        ({"operation": "search", "searchQuery": "x", "topK": 51}, "topK"),
        ({"operation": "increment", "key": "k", "value": "much"}, "cannot increment the entry 'k' by 'much'"),
        ({"operation": "store", "key": "k", "value": "x", "valueType": "number"}, "'x' is not a number"),
    ],
)
async def test_what_does_not_fit(config: dict[str, Any], text: str) -> None:
    error = await fail("shared-memory", config)
    assert error.code == "INVALID_NODE_CONFIG"
    assert text in error.message
