"""The ``knowledgeBaseIngest`` node."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.knowledge import ingest
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes.knowledge import SaveKnowledgeBase
from tests.fakes.knowledge import WordModels, knowledge_services
from tests.handlers.running import fail, output, succeed

LAMP = {"knowledgeBaseId": "shop", "documentName": "lamp.md", "content": "The lamp is red. It costs ten."}


async def test_a_document_is_put_and_a_repeat_asks_no_model() -> None:
    models, store = WordModels(), MemoryStore()
    services = knowledge_services(store, models=models)
    result = await succeed("knowledgeBaseIngest", LAMP, services=services)
    assert result.output == {
        "knowledgeBaseId": "shop", "documents": [{"name": "lamp.md", "chunks": 1, "unchanged": False}],
        "chunkCount": 1, "model": "words", "dimensions": 256, "usage": {"totalTokens": 7},
    }  # fmt: skip
    assert result.usage is not None
    assert result.usage.input_tokens == 7
    again = await succeed("kbIngest", LAMP, services=services)
    assert again.output["documents"] == [{"name": "lamp.md", "chunks": 1, "unchanged": True}]
    assert (again.usage, len(models.asked)) == (None, 1)
    changed = await output("knowledgeBaseIngest", {**LAMP, "content": "The lamp is sold out."}, services=services)
    assert changed["documents"] == [{"name": "lamp.md", "chunks": 1, "unchanged": False}]
    base = store.knowledge.base("shop")
    assert base is not None
    assert (base.documents, base.chunks) == (1, 1)


async def test_several_documents_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "token_counter", lambda: lambda text: len(text.split()))
    documents = [
        {"name": "a", "text": "One two three four five six seven eight. Nine ten."},
        {"fileName": "b", "content": {"price": 3}, "metadata": {"kind": "data"}},
    ]
    config = {"kbId": "kb", "documents": documents, "chunkSize": 8, "chunkOverlap": 0, "text": "third"}
    services = knowledge_services()
    result = await output("knowledgeBaseIngest", config, services=services)
    assert [(entry["name"], entry["chunks"]) for entry in result["documents"]] == [("a", 2), ("b", 1), ("document", 1)]
    assert result["chunkCount"] == 4


async def test_the_model_of_a_base_is_that_of_its_first_ingestion() -> None:
    models = WordModels(small=8)
    services = knowledge_services(models=models)
    await output("knowledgeBaseIngest", {**LAMP, "embeddingModel": "small", "provider": "p"}, services=services)
    result = await output("knowledgeBaseIngest", {**LAMP, "model": "other", "content": "x"}, services=services)
    assert [asked[:2] for asked in models.asked] == [("p", "small"), ("p", "small")]
    assert (result["model"], result["dimensions"]) == ("small", 8)


async def test_vectors_that_do_not_fit_the_base_are_refused() -> None:
    store = MemoryStore()
    await output("knowledgeBaseIngest", LAMP, services=knowledge_services(store, models=WordModels(**{"": 8})))
    error = await fail("knowledgeBaseIngest", {**LAMP, "content": "y"}, services=knowledge_services(store))
    assert (error.code, "256" in error.message) == ("INVALID_REQUEST", True)


async def test_a_document_can_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MAX_CHUNKS", 1)
    config = {**LAMP, "content": "a b c d e f g h i j k l m n o p " * 3, "chunkSize": 8, "chunkOverlap": 0}
    error = await fail("knowledgeBaseIngest", config, services=knowledge_services())
    assert error.code == "INVALID_NODE_CONFIG"
    assert "the limit is 1" in error.message


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"knowledgeBaseId": "kb"}, "content: Required"),
        ({"content": "x"}, "knowledgeBaseId"),
        ({**LAMP, "chunkSize": 10, "chunkOverlap": 10}, "chunkOverlap"),
    ],
)
async def test_what_is_no_config(config: dict[str, Any], problem: str) -> None:
    error = await fail("knowledgeBaseIngest", config, services=knowledge_services())
    assert error.code == "INVALID_NODE_CONFIG"
    assert problem in error.message


async def test_a_lane_without_bases_says_so() -> None:
    assert (await fail("knowledgeBaseIngest", LAMP)).code == "CONFIGURATION"


async def test_workspaces_are_apart() -> None:
    store = MemoryStore()
    store.commit([SaveKnowledgeBase(base_id="shop", ts=1, workspace_id="w2")])
    await output("knowledgeBaseIngest", LAMP, services=knowledge_services(store), workspace_id="w2")
    assert store.knowledge.base("shop") is None
    assert store.knowledge.document("shop", "lamp.md", "w2") is not None
