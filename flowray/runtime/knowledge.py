"""Knowledge bases between store and lanes: read off the event loop, written by whoever may write (R26)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import system_now_ms
from flowray.handlers.knowledge_bases import KnowledgeBase, NewDocument, Passage, StoredDocument
from flowray.persistence.knowledge.reading import KnowledgeReader
from flowray.persistence.knowledge.tables import vector_bytes
from flowray.persistence.writes import AnyResult, AnyWrite, Refused
from flowray.persistence.writes.knowledge import NewChunk, PutDocument, SaveKnowledgeBase
from flowray.runtime.patience import patiently

Commit = Callable[[Sequence[AnyWrite]], list[AnyResult]]
"""Returns once the writes are durable. Every one of them may be repeated."""


class StoredKnowledge:
    """The Knowledge of a lane. Waits for a database that is away, as all that attempts read and keep does."""

    def __init__(self, reader: KnowledgeReader, commit: Commit, now_ms: Callable[[], int] = system_now_ms) -> None:
        self._reader = reader
        self._commit = commit
        self._now_ms = now_ms

    async def base(self, workspace_id: str, base_id: str) -> KnowledgeBase | None:
        """As it is committed now."""
        found = await patiently(lambda: self._reader.base(base_id, workspace_id))
        return None if found is None else KnowledgeBase(found.id, found.provider, found.model, found.dimensions)

    async def create(self, workspace_id: str, base: KnowledgeBase) -> None:
        """Of several at the same moment the first one counts."""
        await self._write(
            SaveKnowledgeBase(
                base_id=base.id, workspace_id=workspace_id, ts=self._now_ms(), name=base.id, provider=base.provider,
                model=base.model,
            )
        )  # fmt: skip

    async def document(self, workspace_id: str, base_id: str, name: str) -> StoredDocument | None:
        """As it is committed now."""
        found = await patiently(lambda: self._reader.document(base_id, name, workspace_id))
        return None if found is None else StoredDocument(found.hash, found.chunks)

    async def put(self, workspace_id: str, base_id: str, document: NewDocument) -> None:
        """Replace it whole. Raises NOT_FOUND, or INVALID_REQUEST for other dimensions."""
        chunks = tuple(
            NewChunk(content, vector_bytes(vector))
            for content, vector in zip(document.chunks, document.vectors, strict=True)
        )
        await self._write(
            PutDocument(
                base_id=base_id, workspace_id=workspace_id, name=document.name, hash=document.hash, ts=self._now_ms(),
                chunks=chunks, metadata=dict(document.metadata),
            )
        )  # fmt: skip

    async def search(
        self, workspace_id: str, base_id: str, vector: Sequence[float], most: int, at_least: float
    ) -> list[Passage]:
        """The nearest chunks."""
        query = vector_bytes(vector)
        rows = await patiently(
            lambda: self._reader.search(base_id, query, most=most, at_least=at_least, workspace_id=workspace_id)
        )
        return [Passage(row.content, row.similarity, row.document, row.number, row.metadata) for row in rows]

    async def _write(self, write: AnyWrite) -> None:
        (result,) = await patiently(lambda: self._commit([write]))
        if isinstance(result, Refused):
            raise FlowrayError(ErrorCode(result.code), result.detail)
