"""The ``knowledgeBaseQuery`` node: the passages of a knowledge base that are nearest to a question."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.knowledge_bases import Passage
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.values import Json

SEPARATOR = "\n\n---\n\n"
"""Between passages in ``combinedText``."""


class QueryConfig(NodeConfig):
    """What is looked for, and where."""

    knowledge_base_id: str = Field(min_length=1, max_length=200, description="Id of the base.")
    query_text: Any = Field(description="What is looked for, in words.")
    top_k: int = Field(5, ge=1, le=100, description="Passages at most.")
    similarity_threshold: float = Field(0.0, ge=-1, le=1, description="Cosine that a passage must have at least.")
    include_metadata: bool = Field(True, description="Whether each passage brings its document's metadata.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, knowledgeBaseId=("knowledgeBase", "baseId", "kbId"),
            queryText=("query", "searchQuery", "question"), topK=("limit", "maxResults"),
            similarityThreshold=("minScore", "threshold", "scoreThreshold"),
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _asks_something(self) -> QueryConfig:
        if not text_of(self.query_text).strip():
            raise ValueError("queryText: Required")
        return self


class KnowledgeBaseQueryHandler:
    """Output: ``{query, results: [{content, similarity, documentName, chunkIndex, metadata}], topResult, combinedText,
    count, metadata}``, the best first. ``topResult`` is null where nothing was found; ``metadata`` says what searched:
    ``{knowledgeBaseId, model, topK, similarityThreshold}``.
    """

    node_type = NodeType(
        name="knowledgeBaseQuery",
        summary="Finds the passages of a knowledge base that are nearest to a question.",
        config_model=QueryConfig,
        aliases=("kbQuery", "knowledge-base-query"),
        category="knowledge",
        effects=Effects.READ,
    )

    def can_handle(self, type_name: str) -> bool:
        """``knowledgeBaseQuery`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises NOT_FOUND for a base that is not there, and PROVIDER_* as the provider of its model does."""
        config = config_of(node, QueryConfig)
        knowledge = node.services.knowledge
        base = await knowledge.base(node.workspace_id, config.knowledge_base_id)
        if base is None:
            raise FlowrayError(
                ErrorCode.NOT_FOUND,
                f"there is no knowledge base {config.knowledge_base_id!r}",
                hint="a knowledgeBaseIngest node creates it",
            )
        query = text_of(config.query_text)
        found = await node.services.models.embed([query], base.model, base.provider)
        passages = await knowledge.search(
            node.workspace_id, base.id, found.vectors[0], config.top_k, config.similarity_threshold
        )
        results = [_shown(passage, config.include_metadata) for passage in passages]
        output: Json = {
            "query": query,
            "results": results,
            "topResult": results[0] if results else None,
            "combinedText": SEPARATOR.join(passage.content for passage in passages),
            "count": len(results),
            "metadata": {
                "knowledgeBaseId": base.id, "model": found.model, "topK": config.top_k,
                "similarityThreshold": config.similarity_threshold,
            },
        }  # fmt: skip
        return NodeResult(data=output, usage=found.usage)


def _shown(passage: Passage, with_metadata: bool) -> Json:
    shown: dict[str, Json] = {
        "content": passage.content, "similarity": passage.similarity, "documentName": passage.document,
        "chunkIndex": passage.number,
    }  # fmt: skip
    return {**shown, "metadata": dict(passage.metadata)} if with_metadata else shown
