"""Knowledge bases for unit tests: in the memory store, with vectors of the words in a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.engine.signals import Usage
from flowray.handlers.model_calls import Embeddings, NoModels, Target
from flowray.handlers.providers.fake_vectors import fake_vector
from flowray.handlers.services import Services
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.knowledge import StoredKnowledge
from tests.fakes.services import NOW_MS, fake_services


class WordModels(NoModels):
    """Embeds by words, a token each; keeps what it was asked. ``sizes``: dimensions by model, 256 for others."""

    def __init__(self, **sizes: int) -> None:
        self.asked: list[tuple[str, str, list[str]]] = []
        self._sizes = sizes

    async def embed(
        self, texts: Sequence[str], model: str = "", provider: str = "", *, dimensions: int | None = None,
        target: Target | None = None, batch_size: int | None = None,
    ) -> Embeddings:  # fmt: skip
        self.asked.append((provider, model, list(texts)))
        vectors = tuple(tuple(fake_vector(text, self._sizes.get(model, 256))) for text in texts)
        tokens = sum(len(text.split()) for text in texts)
        return Embeddings(vectors, model or "words", provider or "openai", Usage(input_tokens=tokens, model="words"))


def knowledge_services(store: MemoryStore | None = None, **given: Any) -> Services:
    """Services with an empty store, or that one."""
    kept = store or MemoryStore()
    knowledge = StoredKnowledge(kept.knowledge, kept.commit, lambda: NOW_MS)
    return fake_services(**{"knowledge": knowledge, "models": WordModels(), **given})
