"""The ``embeddings`` node: texts as vectors, of which near ones mean the like."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.ai.asking import ASKING_SPELLINGS, TargetConfig, provider_limit, target_of
from flowray.handlers.ai.completion import usage_view
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import config_of, rename, text_of

MAX_TEXTS = 2_048
"""In one node: more would not fit into an output."""


class EmbeddingsConfig(TargetConfig):
    """The texts, and who makes vectors of them."""

    input: Any = Field(description="A text, or a list of texts; anything else is taken as its JSON.")
    dimensions: int | None = Field(None, gt=0, description="Length of the vectors, of models that can shorten them.")
    batch_size: int | None = Field(None, gt=0, le=MAX_TEXTS, description="Texts in one request; 256 without it.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, input=("inputField", "text", "texts", "inputs", "content"), **ASKING_SPELLINGS)
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class EmbeddingsHandler:
    """Output: ``{embeddings: [[number, …], …], model, provider, usage, metadata: {dimensions, inputCount, tokensUsed,
    processingTime}}``, a vector per text in their order; the time in ms.
    """

    node_type = NodeType(
        name="embeddings",
        summary="Turns texts into vectors.",
        config_model=EmbeddingsConfig,
        category="ai",
        effects=Effects.READ,
        default_limit=provider_limit,
        fields={"provider": FieldKind.LITERAL, "inputField": FieldKind.PATH},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the provider does, INVALID_NODE_CONFIG for an empty text, which no provider takes."""
        config = config_of(node, EmbeddingsConfig)
        texts = [text_of(text) for text in (config.input if isinstance(config.input, list) else [config.input])]
        empty = next((at for at, text in enumerate(texts) if not text.strip()), None)
        if empty is not None or len(texts) > MAX_TEXTS:
            problem = f"{len(texts)} texts" if empty is None else f"text {empty} is empty"
            raise FlowrayError(
                ErrorCode.INVALID_NODE_CONFIG,
                f"there are vectors of 1 to {MAX_TEXTS} texts that say something: {problem}",
            )
        began = node.now_ms()
        found = await node.services.models.embed(
            texts, dimensions=config.dimensions, target=target_of(config), batch_size=config.batch_size
        )
        data = {
            "embeddings": [list(vector) for vector in found.vectors], "model": found.model, "provider": found.provider,
            "usage": usage_view(found.usage),
            "metadata": {
                "dimensions": found.dimensions, "inputCount": len(texts), "tokensUsed": found.usage.input_tokens,
                "processingTime": node.now_ms() - began,
            },
        }  # fmt: skip
        return NodeResult(data=data, usage=found.usage)
