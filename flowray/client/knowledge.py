"""Calls about knowledge bases, for both clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowray import wire
from flowray.client.call import JSON, AsyncSender, Call, Sender, given, json_body, nothing, path, reading

_BASES = "knowledge-bases"

Documents = Mapping[str, str] | Sequence[Mapping[str, Any]]
"""Texts by their names, or ``{name, content, metadata}`` for each."""


def _list(limit: int, cursor: str | None) -> Call[wire.KnowledgeBasePage]:
    return Call("GET", path(_BASES), reading(wire.KnowledgeBasePage), given(limit=limit, cursor=cursor))


def _get(base_id: str) -> Call[wire.KnowledgeBase]:
    return Call("GET", path(_BASES, base_id), reading(wire.KnowledgeBase))


def _create(base_id: str, name: str, provider: str, model: str) -> Call[wire.KnowledgeBase]:
    body = json_body({"name": name, "provider": provider, "model": model})
    return Call("PUT", path(_BASES, base_id), reading(wire.KnowledgeBase), {}, body, JSON)


def _delete(base_id: str) -> Call[None]:
    return Call("DELETE", path(_BASES, base_id), nothing)


def _documents(base_id: str, limit: int, cursor: str | None) -> Call[wire.KnowledgeDocumentPage]:
    params = given(limit=limit, cursor=cursor)
    return Call("GET", path(_BASES, base_id, "documents"), reading(wire.KnowledgeDocumentPage), params)


def _remove(base_id: str, name: str) -> Call[None]:
    return Call("DELETE", path(_BASES, base_id, "documents", name), nothing)


def _ingest(
    base_id: str, documents: Documents, chunk_size: int | None, chunk_overlap: int | None
) -> Call[wire.ExecutionStarted]:
    if isinstance(documents, Mapping):
        documents = [{"name": name, "content": content} for name, content in documents.items()]
    sizes = given(chunk_size=chunk_size, chunk_overlap=chunk_overlap)
    body = json_body({"documents": [dict(document) for document in documents], **sizes})
    # A document that is put twice is there once.
    return Call("POST", path(_BASES, base_id, "documents"), reading(wire.ExecutionStarted), {}, body, JSON)


def _query(base_id: str, text: str, top_k: int, similarity_threshold: float) -> Call[wire.KnowledgeAnswer]:
    body = json_body({"query": text, "top_k": top_k, "similarity_threshold": similarity_threshold})
    return Call("POST", path(_BASES, base_id, "query"), reading(wire.KnowledgeAnswer), {}, body, JSON)


class Knowledge:
    """Knowledge bases: texts that are found by what they mean."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    def list(self, *, limit: int = 50, cursor: str | None = None) -> wire.KnowledgeBasePage:
        """By id, a page at a time."""
        return self._client.send(_list(limit, cursor))

    def get(self, base_id: str) -> wire.KnowledgeBase:
        """One, with how much is in it. Raises NOT_FOUND."""
        return self._client.send(_get(base_id))

    def create(self, base_id: str, *, name: str = "", provider: str = "", model: str = "") -> wire.KnowledgeBase:
        """Create it, with the embedding model of a provider; one that is there stays as it is."""
        return self._client.send(_create(base_id, name, provider, model))

    def delete(self, base_id: str) -> None:
        """With all its documents."""
        self._client.send(_delete(base_id))

    def documents(self, base_id: str, *, limit: int = 50, cursor: str | None = None) -> wire.KnowledgeDocumentPage:
        """By name, a page at a time. Raises NOT_FOUND."""
        return self._client.send(_documents(base_id, limit, cursor))

    def remove(self, base_id: str, name: str) -> None:
        """Remove a document."""
        self._client.send(_remove(base_id, name))

    def ingest(
        self, base_id: str, documents: Documents, *, chunk_size: int | None = None, chunk_overlap: int | None = None
    ) -> wire.ExecutionStarted:
        """Put documents in, each in place of the one of its name. An execution does it: ``client.wait(started.id)``."""
        return self._client.send(_ingest(base_id, documents, chunk_size, chunk_overlap))

    def query(
        self, base_id: str, text: str, *, top_k: int = 5, similarity_threshold: float = 0.0
    ) -> wire.KnowledgeAnswer:
        """The passages nearest to ``text``. Raises NOT_FOUND, and PROVIDER_* as the base's model does."""
        return self._client.send(_query(base_id, text, top_k, similarity_threshold))


class AsyncKnowledge:
    """Knowledge bases: texts that are found by what they mean."""

    def __init__(self, client: AsyncSender) -> None:
        self._client = client

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> wire.KnowledgeBasePage:
        """By id, a page at a time."""
        return await self._client.send(_list(limit, cursor))

    async def get(self, base_id: str) -> wire.KnowledgeBase:
        """One, with how much is in it. Raises NOT_FOUND."""
        return await self._client.send(_get(base_id))

    async def create(self, base_id: str, *, name: str = "", provider: str = "", model: str = "") -> wire.KnowledgeBase:
        """Create it, with the embedding model of a provider; one that is there stays as it is."""
        return await self._client.send(_create(base_id, name, provider, model))

    async def delete(self, base_id: str) -> None:
        """With all its documents."""
        await self._client.send(_delete(base_id))

    async def documents(
        self, base_id: str, *, limit: int = 50, cursor: str | None = None
    ) -> wire.KnowledgeDocumentPage:
        """By name, a page at a time. Raises NOT_FOUND."""
        return await self._client.send(_documents(base_id, limit, cursor))

    async def remove(self, base_id: str, name: str) -> None:
        """Remove a document."""
        await self._client.send(_remove(base_id, name))

    async def ingest(
        self, base_id: str, documents: Documents, *, chunk_size: int | None = None, chunk_overlap: int | None = None
    ) -> wire.ExecutionStarted:
        """Put documents in, each in place of the one of its name. An execution does it: ``client.wait(started.id)``."""
        return await self._client.send(_ingest(base_id, documents, chunk_size, chunk_overlap))

    async def query(
        self, base_id: str, text: str, *, top_k: int = 5, similarity_threshold: float = 0.0
    ) -> wire.KnowledgeAnswer:
        """The passages nearest to ``text``. Raises NOT_FOUND, and PROVIDER_* as the base's model does."""
        return await self._client.send(_query(base_id, text, top_k, similarity_threshold))
