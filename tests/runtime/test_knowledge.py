"""Knowledge bases as lanes reach them: over a store, with what is refused as an error."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.knowledge_bases import KnowledgeBase, NewDocument, Passage, StoredDocument
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.knowledge import StoredKnowledge


async def test_what_is_put_is_found() -> None:
    store = MemoryStore()
    knowledge = StoredKnowledge(store.knowledge, store.commit, lambda: 7)
    await knowledge.create("w", KnowledgeBase("kb", "p", "m"))
    await knowledge.put("w", "kb", NewDocument("a", "h", ["east", "north"], [[1, 0], [0, 1]], {"page": 1}))
    assert await knowledge.base("w", "kb") == KnowledgeBase("kb", "p", "m", 2)
    assert await knowledge.document("w", "kb", "a") == StoredDocument("h", 2)
    assert await knowledge.search("w", "kb", [0, 2], 1, 0.5) == [Passage("north", 1.0, "a", 1, {"page": 1})]
    assert await knowledge.base("default", "kb") is None
    assert await knowledge.document("w", "kb", "b") is None
    kept = store.knowledge.base("kb", "w")
    assert kept is not None
    assert (kept.created_at, kept.updated_at) == (7, 7)


async def test_what_is_refused_is_raised() -> None:
    store = MemoryStore()
    knowledge = StoredKnowledge(store.knowledge, store.commit)
    with pytest.raises(FlowrayError, match="no knowledge base") as caught:
        await knowledge.put("w", "kb", NewDocument("a", "h", [], []))
    assert caught.value.code is ErrorCode.NOT_FOUND
