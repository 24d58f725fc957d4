"""The ``knowledgeBaseQuery`` node."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.services import Services
from tests.fakes.knowledge import WordModels, knowledge_services
from tests.handlers.running import fail, output, succeed

DOCUMENTS = [
    {"name": "lamp.md", "content": "The lamp is red.", "metadata": {"page": 1}},
    {"name": "chair.md", "content": "A chair of oak wood."},
]


@pytest.fixture
async def services() -> Services:
    made = knowledge_services()
    await output("knowledgeBaseIngest", {"knowledgeBaseId": "shop", "documents": DOCUMENTS}, services=made)
    return made


async def test_the_nearest_passages_in_flowmaestros_spelling(services: Services) -> None:
    config = {"knowledgeBaseId": "shop", "queryText": "what red lamp is there"}
    result = await succeed("knowledgeBaseQuery", config, services=services)
    found = result.output
    assert [entry["documentName"] for entry in found["results"]] == ["lamp.md", "chair.md"]
    best = found["results"][0]
    assert (best["content"], best["chunkIndex"], best["metadata"]) == ("The lamp is red.", 0, {"page": 1})
    assert 0.5 < best["similarity"] <= 1
    assert found["topResult"] == best
    assert found["combinedText"] == "The lamp is red.\n\n---\n\nA chair of oak wood."
    assert (found["query"], found["count"]) == ("what red lamp is there", 2)
    assert found["metadata"] == {"knowledgeBaseId": "shop", "model": "words", "topK": 5, "similarityThreshold": 0.0}
    assert result.usage is not None
    assert result.usage.input_tokens == 5


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"topK": 1}, ["chair.md"]),
        ({"limit": 1}, ["chair.md"]),
        ({"similarityThreshold": 0.9}, []),
        ({"minScore": 0.3}, ["chair.md"]),
    ],
)
async def test_how_many_and_how_near(services: Services, more: dict[str, Any], names: list[str]) -> None:
    found = await output("kbQuery", {"kbId": "shop", "query": "oak chair", **more}, services=services)
    assert [entry["documentName"] for entry in found["results"]] == names
    assert (found["topResult"] is None) == (not names)


async def test_metadata_can_be_left_out(services: Services) -> None:
    config = {"knowledgeBaseId": "shop", "queryText": "lamp", "includeMetadata": False}
    assert "metadata" not in (await output("knowledgeBaseQuery", config, services=services))["results"][0]


async def test_a_base_is_asked_with_the_model_that_made_it() -> None:
    models = WordModels(small=8)
    made = knowledge_services(models=models)
    await output("knowledgeBaseIngest", {"kbId": "kb", "text": "x y", "model": "small", "provider": "p"}, services=made)
    await output("knowledgeBaseQuery", {"kbId": "kb", "query": "x"}, services=made)
    assert models.asked[-1] == ("p", "small", ["x"])


async def test_an_unknown_base(services: Services) -> None:
    error = await fail("knowledgeBaseQuery", {"knowledgeBaseId": "none", "queryText": "x"}, services=services)
    assert (error.code, error.message) == ("NOT_FOUND", "there is no knowledge base 'none'")
    assert error.hint is not None


@pytest.mark.parametrize(
    "config", [{"queryText": "x"}, {"knowledgeBaseId": "kb", "queryText": " "}, {"knowledgeBaseId": "kb"}]
)
async def test_what_is_no_config(config: dict[str, Any]) -> None:
    assert (await fail("knowledgeBaseQuery", config, services=knowledge_services())).code == "INVALID_NODE_CONFIG"
