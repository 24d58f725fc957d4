"""The ``webSearch`` node: results of the search provider that the operator set up."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename


class WebSearchConfig(NodeConfig):
    """What to look for."""

    query: str = Field(min_length=1, max_length=2_000, description="Words to look for.")
    max_results: int = Field(5, ge=1, le=20, description="At most so many.")
    search_type: Literal["general", "news", "images"] = Field("general", description="Where to look.")
    timeout: int = Field(30_000, ge=1_000, le=120_000, description="In ms.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, query=("q", "searchQuery"), maxResults=("limit", "count", "numResults"), searchType=("type",)
        )
        if isinstance(given, dict) and given.get("searchType") in ("web", None):
            given["searchType"] = "general"
        return given


class WebSearchHandler:
    """Output: ``{query, results: [{title, url, snippet, content, publishedDate?}], resultCount}``, best first."""

    node_type = NodeType(
        name="webSearch",
        summary="Searches the web by the provider that is set up.",
        config_model=WebSearchConfig,
        category="web",
        effects=Effects.READ,
        fields={"searchType": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises CONFIGURATION where no provider is set up, PROVIDER_ERROR, PROVIDER_AUTH, PROVIDER_UNREACHABLE."""
        config = config_of(node, WebSearchConfig)
        hits = await node.services.search.search(config.query, config.search_type, config.max_results, config.timeout)
        results = [hit.as_json() for hit in hits]
        return NodeResult(data={"query": config.query, "results": results, "resultCount": len(results)})
