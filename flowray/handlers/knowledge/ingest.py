"""The ``knowledgeBaseIngest`` node: puts documents into a knowledge base, cut into chunks with vectors."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.knowledge.chunking import chunked, token_counter
from flowray.handlers.knowledge_bases import KnowledgeBase, NewDocument
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.values import Json, stable_hash

MAX_CHUNKS = 5_000
"""Of one document, which is written in one piece."""


class Document(NodeConfig):
    """One document; its name is what it is replaced by."""

    name: str = Field(min_length=1, max_length=500)
    content: Any = Field(description="Its text; anything else becomes JSON text.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Comes back with each of its passages.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, name=("documentName", "fileName", "title", "id"), content=("text", "body"))


class IngestConfig(NodeConfig):
    """One document by ``content`` and ``documentName``, or several as ``documents``."""

    knowledge_base_id: str = Field(min_length=1, max_length=200, description="Created if it is not there.")
    documents: list[Document] = Field(default_factory=list)
    content: Any = Field(None, description="The text of a single document.")
    document_name: str = Field("document", min_length=1, max_length=500, description="Replaces the one of this name.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Comes back with each passage of it.")
    chunk_size: int = Field(400, ge=8, le=8_000, description="Tokens of a chunk at most.")
    chunk_overlap: int = Field(40, ge=0, le=4_000, description="Tokens that a chunk has in common with the one before.")
    provider: str = Field("", description="Who makes the vectors of a new base; the default provider without it.")
    model: str = Field("", description="Embedding model of a new base; the provider's default without it.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, knowledgeBaseId=("knowledgeBase", "baseId", "kbId"), content=("text", "data"),
            documentName=("fileName", "name"), model=("embeddingModel",), provider=("embeddingProvider",),
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _has_something(self) -> IngestConfig:
        if not self.documents and self.content is None:
            raise ValueError("content: Required (or documents)")
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError("chunkOverlap: must be less than chunkSize")
        return self

    @property
    def all_documents(self) -> list[Document]:
        """Whatever way they were given."""
        single = Document(name=self.document_name, content=self.content, metadata=self.metadata)
        return [*self.documents, *([single] if self.content is not None else [])]


class KnowledgeBaseIngestHandler:
    """Output: ``{knowledgeBaseId, documents: [{name, chunks, unchanged}], chunkCount, model, dimensions, usage}``.

    ``unchanged``: the base has the same document already, cut the same way, and nothing was asked of the model.
    """

    node_type = NodeType(
        name="knowledgeBaseIngest",
        summary="Puts documents into a knowledge base; one that is there already is replaced.",
        config_model=IngestConfig,
        aliases=("kbIngest", "knowledgeBaseAdd"),
        category="knowledge",
        effects=Effects.WRITE,
        fields=dict.fromkeys(("provider", "embeddingProvider"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """``knowledgeBaseIngest`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the model's provider does, INVALID_REQUEST for vectors that do not fit the base.

        A document of more than 5,000 chunks is INVALID_NODE_CONFIG.
        """
        config = config_of(node, IngestConfig)
        knowledge, place = node.services.knowledge, (node.workspace_id, config.knowledge_base_id)
        await knowledge.create(
            node.workspace_id, KnowledgeBase(config.knowledge_base_id, config.provider, config.model)
        )
        base = await knowledge.base(*place) or KnowledgeBase(config.knowledge_base_id, config.provider, config.model)
        done: list[Json] = []
        model, usage = base.model, Usage(model=base.model)
        for document in config.all_documents:
            text = text_of(document.content)
            made_from = stable_hash(
                [text, config.chunk_size, config.chunk_overlap, document.metadata, base.provider, base.model]
            )
            known = await knowledge.document(*place, document.name)
            if known is not None and known.hash == made_from:
                done.append({"name": document.name, "chunks": known.chunks, "unchanged": True})
                continue
            chunks = await asyncio.to_thread(_cut, text, config, document.name)
            vectors = await node.services.models.embed(chunks, base.model, base.provider)
            await knowledge.put(
                *place, NewDocument(document.name, made_from, chunks, vectors.vectors, document.metadata)
            )
            model, usage = vectors.model, usage.plus(vectors.usage)
            done.append({"name": document.name, "chunks": len(chunks), "unchanged": False})
            node.log(f"{document.name}: {len(chunks)} chunks")
        return await _result(node, config, done, model, usage)


def _cut(text: str, config: IngestConfig, name: str) -> list[str]:
    """Off the loop: counting tokens computes, and loading the counts takes half a second once."""
    chunks = chunked(text, config.chunk_size, config.chunk_overlap, token_counter())
    if len(chunks) > MAX_CHUNKS:
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG,
            f"the document {name!r} has {len(chunks)} chunks; the limit is {MAX_CHUNKS}",
            hint="cut it into several documents, or into larger chunks",
        )
    return chunks


async def _result(node: NodeInput, config: IngestConfig, done: list[Json], model: str, usage: Usage) -> NodeResult:
    base = await node.services.knowledge.base(node.workspace_id, config.knowledge_base_id)
    output: Json = {
        "knowledgeBaseId": config.knowledge_base_id,
        "documents": done,
        "chunkCount": sum(entry["chunks"] for entry in done if isinstance(entry, dict)),
        "model": model,
        "dimensions": base.dimensions if base is not None else 0,
        "usage": {"totalTokens": usage.input_tokens + usage.output_tokens},
    }
    return NodeResult(data=output, usage=usage if usage.input_tokens else None)
