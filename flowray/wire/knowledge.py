"""Bodies and answers about knowledge bases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from flowray.wire.base import Answer, Request


class KnowledgeBaseRequest(Request):
    """Body of ``PUT /v1/knowledge-bases/{base_id}``. What is left out is the default; it cannot be changed later."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Manuals"}]})

    name: str = Field("", max_length=200, description="For people.")
    provider: str = Field("", max_length=100, description="Who makes the vectors.")
    model: str = Field("", max_length=200, description="Embedding model.")


class KnowledgeBase(Answer):
    """A base. ``dimensions`` is 0 while it is empty; a list of bases does not count ``documents`` and ``chunks``."""

    id: str
    name: str
    provider: str
    model: str
    dimensions: int
    documents: int | None = None
    chunks: int | None = None
    created_at: datetime
    updated_at: datetime


class KnowledgeBasePage(Answer):
    """One page of bases, by id."""

    data: list[KnowledgeBase]
    next_cursor: str | None = None
    has_more: bool = False


class KnowledgeDocument(Answer):
    """A document of a base."""

    name: str
    chunks: int
    metadata: dict[str, Any] = {}
    updated_at: datetime


class KnowledgeDocumentPage(Answer):
    """One page of documents, by name."""

    data: list[KnowledgeDocument]
    next_cursor: str | None = None
    has_more: bool = False


class NewDocument(Request):
    """A document; it replaces the one of its name."""

    name: str = Field(min_length=1, max_length=500)
    content: str
    metadata: dict[str, Any] = {}


class IngestRequest(Request):
    """Body of ``POST /v1/knowledge-bases/{base_id}/documents``. Sizes in tokens."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"documents": [{"name": "lamp.md", "content": "It is red."}]}]}
    )

    documents: list[NewDocument] = Field(min_length=1, max_length=1_000)
    chunk_size: int = Field(400, ge=8, le=8_000)
    chunk_overlap: int = Field(40, ge=0, le=4_000)


class KnowledgeQuery(Request):
    """Body of ``POST /v1/knowledge-bases/{base_id}/query``."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"query": "What colour is the lamp?"}]})

    query: str = Field(min_length=1)
    top_k: int = Field(5, ge=1, le=100)
    similarity_threshold: float = Field(0.0, ge=-1, le=1)


class KnowledgePassage(Answer):
    """A chunk that was found; ``similarity`` is a cosine."""

    content: str
    similarity: float
    document_name: str
    chunk_index: int
    metadata: dict[str, Any] = {}


class KnowledgeAnswer(Answer):
    """The passages nearest to the query, the best first, and the execution that found them."""

    query: str
    results: list[KnowledgePassage]
    execution_id: str
