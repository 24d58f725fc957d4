"""Rows of knowledge bases: texts cut into chunks, each with a vector."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Record


class KnowledgeBaseRecord(Record, frozen=True):
    """One base. All its vectors come from one ``model`` of one ``provider``, empty for the default ones, and have the
    same ``dimensions``, 0 before there is any.
    """

    id: str
    name: str = ""
    provider: str = ""
    model: str = ""
    dimensions: int = 0
    documents: int = 0
    chunks: int = 0
    created_at: int = 0
    updated_at: int = 0
    workspace_id: str = DEFAULT_WORKSPACE


class DocumentRecord(Record, frozen=True):
    """One document of a base. ``hash`` is of all that made its chunks, so that a repeat is known."""

    base_id: str
    name: str
    hash: str
    chunks: int
    metadata: dict[str, Any] = {}
    updated_at: int = 0
    workspace_id: str = DEFAULT_WORKSPACE


class PassageRecord(Record, frozen=True):
    """A chunk that was found. ``similarity`` is the cosine of its vector and the query's, from -1 to 1."""

    document: str
    number: int
    content: str
    similarity: float
    metadata: dict[str, Any] = {}
