"""Writes of knowledge bases. A document is replaced whole, so that a repeat does not double it."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes.base import Write


class NewChunk(msgspec.Struct, frozen=True):
    """A chunk in its document's order. ``vector``: 32-bit floats, little endian."""

    content: str
    vector: bytes


class _OfBase(Write, frozen=True, kw_only=True):
    base_id: str
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """The base."""
        return (f"knowledge {self.base_id}",)


class SaveKnowledgeBase(_OfBase, tag="save_knowledge_base", frozen=True, kw_only=True):
    """Create a base; one that is there stays as it is. Result: Inserted, or Existing."""

    ts: int
    name: str = ""
    provider: str = ""
    model: str = ""


class DeleteKnowledgeBase(_OfBase, tag="delete_knowledge_base", frozen=True, kw_only=True):
    """Remove a base with all its documents. Result: Done, also if there was none."""


class PutDocument(_OfBase, tag="put_document", frozen=True, kw_only=True):
    """Put a document in the place of the one with its name.

    Result: Done; Refused with NOT_FOUND for an unknown base, with INVALID_REQUEST for vectors of other dimensions.
    """

    name: str
    hash: str
    ts: int
    chunks: tuple[NewChunk, ...]
    metadata: dict[str, Any] = {}

    @property
    def dimensions(self) -> int:
        """Length of its vectors; 0 for a document without chunks."""
        return len(self.chunks[0].vector) // 4 if self.chunks else 0


class DeleteDocument(_OfBase, tag="delete_document", frozen=True, kw_only=True):
    """Remove a document. Result: Done, also if there was none."""

    name: str


AnyKnowledgeWrite: TypeAlias = SaveKnowledgeBase | DeleteKnowledgeBase | PutDocument | DeleteDocument

KNOWLEDGE_WRITES = (SaveKnowledgeBase, DeleteKnowledgeBase, PutDocument, DeleteDocument)
