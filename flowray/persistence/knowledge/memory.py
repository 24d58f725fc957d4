"""Knowledge bases in the dictionaries of a MemoryStore, under its lock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.knowledge.similarity import most_similar
from flowray.persistence.knowledge.sql import refusal
from flowray.persistence.records import DEFAULT_WORKSPACE, Page
from flowray.persistence.records.knowledge import DocumentRecord, KnowledgeBaseRecord, PassageRecord
from flowray.persistence.writes.codec import AnyResult, AnyWrite
from flowray.persistence.writes.knowledge import (
    DeleteDocument,
    DeleteKnowledgeBase,
    NewChunk,
    PutDocument,
    SaveKnowledgeBase,
)
from flowray.persistence.writes.results import Done, Existing, Inserted

Place = tuple[str, str]
"""Workspace and base."""


class MemoryKnowledge:
    """A KnowledgeReader, and what changes what it reads."""

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._bases: dict[Place, KnowledgeBaseRecord] = {}
        self._documents: dict[Place, dict[str, tuple[DocumentRecord, tuple[NewChunk, ...]]]] = {}

    def writes(self) -> dict[type[AnyWrite], Callable[[Any], AnyResult]]:
        """What applies each kind of write; the caller holds the lock."""
        return {
            SaveKnowledgeBase: self._save, DeleteKnowledgeBase: self._delete, PutDocument: self._put,
            DeleteDocument: self._delete_document,
        }  # fmt: skip

    def _save(self, write: SaveKnowledgeBase) -> AnyResult:
        place = (write.workspace_id, write.base_id)
        if place in self._bases:
            return Existing(id=write.base_id)
        self._bases[place] = KnowledgeBaseRecord(
            id=write.base_id, name=write.name, provider=write.provider, model=write.model, created_at=write.ts,
            updated_at=write.ts, workspace_id=write.workspace_id,
        )  # fmt: skip
        return Inserted(id=write.base_id)

    def _delete(self, write: DeleteKnowledgeBase) -> AnyResult:
        self._bases.pop((write.workspace_id, write.base_id), None)
        self._documents.pop((write.workspace_id, write.base_id), None)
        return Done()

    def _put(self, write: PutDocument) -> AnyResult:
        place = (write.workspace_id, write.base_id)
        base = self._bases.get(place)
        refused = refusal(write, None if base is None else base.dimensions)
        if base is None or refused is not None:
            return refused or Done()
        record = DocumentRecord(
            base_id=write.base_id, name=write.name, hash=write.hash, chunks=len(write.chunks),
            metadata=msgspec.to_builtins(write.metadata), updated_at=write.ts, workspace_id=write.workspace_id,
        )  # fmt: skip
        self._documents.setdefault(place, {})[write.name] = (record, write.chunks)
        size = write.dimensions or base.dimensions
        self._bases[place] = msgspec.structs.replace(base, dimensions=size, updated_at=write.ts)
        return Done()

    def _delete_document(self, write: DeleteDocument) -> AnyResult:
        self._documents.get((write.workspace_id, write.base_id), {}).pop(write.name, None)
        return Done()

    # -- reading --------------------------------------------------------------------------------------------------

    def base(self, base_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> KnowledgeBaseRecord | None:
        with self._lock:
            found = self._bases.get((workspace_id, base_id))
            documents = self._documents.get((workspace_id, base_id), {})
            if found is None:
                return None
            chunks = sum(record.chunks for record, _ in documents.values())
            return msgspec.structs.replace(found, documents=len(documents), chunks=chunks)

    def bases(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        after = decode_cursor("knowledge", cursor)
        with self._lock:
            rows = sorted((row for row in self._bases.values() if row.workspace_id == workspace_id), key=lambda r: r.id)
        found = [row for row in rows if after is None or row.id > after[1]]
        return cut_page("knowledge", found[: limit + 1], limit, lambda row: (0, row.id))

    def document(self, base_id: str, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> DocumentRecord | None:
        with self._lock:
            found = self._documents.get((workspace_id, base_id), {}).get(name)
        return None if found is None else found[0]

    def documents(
        self, base_id: str, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE
    ) -> Page:
        listing = f"knowledge {base_id}"
        after = decode_cursor(listing, cursor)
        with self._lock:
            rows = [record for _, (record, _) in sorted(self._documents.get((workspace_id, base_id), {}).items())]
        found = [row for row in rows if after is None or row.name > after[1]]
        return cut_page(listing, found[: limit + 1], limit, lambda row: (0, row.name))

    def search(
        self, base_id: str, vector: bytes, *, most: int, at_least: float = -1.0, workspace_id: str = DEFAULT_WORKSPACE
    ) -> list[PassageRecord]:
        with self._lock:
            documents = sorted(self._documents.get((workspace_id, base_id), {}).items())
        rows = [(record, number, chunk) for _, (record, chunks) in documents for number, chunk in enumerate(chunks)]
        best = most_similar([chunk.vector for _, _, chunk in rows], vector, most, at_least)
        return [
            PassageRecord(
                document=rows[at][0].name, number=rows[at][1], content=rows[at][2].content, similarity=value,
                metadata=rows[at][0].metadata,
            )
            for at, value in best
        ]  # fmt: skip
