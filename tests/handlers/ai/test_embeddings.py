"""The embeddings node."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.model_calls import Target
from tests.fakes.models import USAGE, FakeModels
from tests.fakes.services import fake_services
from tests.handlers.running import fail, succeed


@pytest.mark.parametrize(
    ("config", "texts"),
    [
        ({"input": "{{news}}"}, ["a", '{"b":1}']), ({"inputField": "news"}, ["a", '{"b":1}']), ({"text": "x"}, ["x"]),
    ],
)  # fmt: skip
async def test_texts_become_vectors(config: dict[str, Any], texts: list[str]) -> None:
    models = FakeModels()
    config |= {"provider": "p", "model": "e", "batchSize": 5, "timeoutMs": 9}
    services = fake_services(models=models)
    result = await succeed("embeddings", config, services=services, inputs={"news": ["a", {"b": 1}]})
    assert models.asked == [(texts, Target("p", "e", timeout_ms=9), None, 5)]
    found: Any = result.output
    assert [len(vector) for vector in found["embeddings"]] == [4] * len(texts)
    assert found["metadata"] == {"dimensions": 4, "inputCount": len(texts), "tokensUsed": 3, "processingTime": 0}
    assert found["usage"] == {"promptTokens": 3, "completionTokens": 0, "totalTokens": 3, "cost": 0.5}
    assert result.usage == USAGE


@pytest.mark.parametrize(("given", "problem"), [(["a", ""], "text 1 is empty"), (["x"] * 2_049, "2049 texts")])
async def test_what_no_provider_takes(given: list[str], problem: str) -> None:
    error = await fail("embeddings", {"input": given}, services=fake_services(models=FakeModels()))
    assert (error.code, problem in error.message) == ("INVALID_NODE_CONFIG", True)


async def test_a_lane_without_models_says_so() -> None:
    assert (await fail("embeddings", {"input": "x"})).code == "CONFIGURATION"
