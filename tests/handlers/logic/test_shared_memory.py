"""The shared-memory node: operations, spellings, what it refuses (R17)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import VariableOperation
from tests.fakes.knowledge import WordModels
from tests.fakes.services import fake_services
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


MEANING = {"operation": "search", "searchQuery": "price of the lamps", "enableSemanticSearch": True, "topK": 1}
FACTS = {"a": "Pricing of a lamp: ten", "b": "Opening hours", "c": 7}


async def test_search_by_meaning() -> None:
    models = WordModels()
    result = await succeed("shared-memory", MEANING, shared=FACTS, services=fake_services(models=models))
    (best,) = result.output["results"]
    assert (best["key"], best["value"], result.output["searchedBy"]) == ("a", FACTS["a"], "embeddings")
    assert 0.2 < best["similarity"] < 1
    assert models.asked == [("", "", ["price of the lamps", "a: Pricing of a lamp: ten", "b: Opening hours", "c: 7"])]
    assert result.usage is not None
    far = {**MEANING, "similarityThreshold": 0.99}
    assert (await output("shared-memory", far, shared=FACTS, services=fake_services(models=models)))["results"] == []
    assert len(models.asked) == 1  # the process knows these texts


async def test_without_a_provider_it_searches_by_words_and_says_so() -> None:
    said: list[Any] = []
    asked = {**MEANING, "searchQuery": "pricing lamp"}
    result = await succeed("shared-memory", asked, shared=FACTS, emitted=said)
    assert (result.output["searchedBy"], result.output["results"][0]["key"]) == ("words", "a")
    assert any("searched by words" in getattr(line, "message", "") for line in said)
    empty = await output("shared-memory", MEANING, shared={})
    assert (empty["resultCount"], empty["searchedBy"]) == (0, "words")


async def test_a_provider_that_is_asked_for_must_be_there() -> None:
    error = await fail("shared-memory", {**MEANING, "embeddingModel": "m"}, shared=FACTS)
    assert error.code == "CONFIGURATION"


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
