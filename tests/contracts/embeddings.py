"""The contract of ``embeddings``: near is what is alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has


def _near(vectors: Any) -> bool:
    """The first is nearer to the second than to the third."""
    near, far = (sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    return bool(near > far + 0.2)


def _cases(_url: str) -> Sequence[Case]:
    texts = ["a broken lamp", "lamps that broke", "opening hours"]
    return [
        Case("three texts", {"input": texts},
             has(embeddings=_near, model="fake-model", metadata=lambda about: about["inputCount"] == 3
                 and about["dimensions"] == 256)),
        Case("one text, shortened", {"input": "a lamp", "dimensions": 8, "provider": "other"},
             has(embeddings=lambda vectors: [len(vector) for vector in vectors] == [8], provider="other")),
        Case("a value by its name", {"inputField": "query"}, has(usage=lambda usage: usage["promptTokens"] == 2),
             task={"inputs": {"query": "a lamp!"}}),
        Case("an empty text", {"input": ["a", " "]}, has(code=ErrorCode.INVALID_NODE_CONFIG), fails=True),
        Case("a rate limit", {"input": "x", "model": "fake-429"},
             has(code=ErrorCode.PROVIDER_RATE_LIMITED, retry_after_ms=1_000), fails=True),
    ]  # fmt: skip


CONTRACTS = [Contract("embeddings", AGAINST, asking(_cases))]
