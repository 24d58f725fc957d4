"""The ``vision`` node: a model looks at pictures and says what it sees, or draws one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.ai.asking import ASKING_SPELLINGS, AskingConfig, provider_limit
from flowray.handlers.ai.completion import complete, usage_view
from flowray.handlers.ai.drawing import draw
from flowray.handlers.ai.image_inputs import image_parts
from flowray.handlers.handler import NodeInput, NodeResult, Streaming
from flowray.handlers.node_config import config_of, rename, text_of
from flowray.handlers.services import ChatRequest

DESCRIBE = "Describe this image in detail"
READ = "Read all text in this image. Answer with the text alone, line by line as it stands there."
MAX_TOKENS = 1_000
"""As in FlowMaestro."""


class VisionConfig(AskingConfig):
    """What to look at, and what for; or what to draw."""

    operation: Literal["analyze", "generate", "ocr"] = Field(
        "analyze", description="analyze: answer the prompt; ocr: read the text; generate: draw."
    )
    image_input: Any = Field(None, description="Address, data URL, base64 or object with one of these; or a list.")
    prompt: Any = Field(None, description="The question about the picture, or what to draw.")
    system_prompt: Any = Field(None, description="Instructions, before everything else.")
    detail: Literal["auto", "low", "high"] | None = Field(None, description="How closely pictures are looked at.")
    max_tokens: int = Field(MAX_TOKENS, gt=0, description="Longest answer, in tokens.")
    temperature: float | None = Field(None, ge=0, le=2, description="0 for the likeliest words.")
    size: str | None = Field(None, description="Of a drawn picture, such as 1024x1024.")
    quality: str | None = Field(None, description="Of a drawn picture, in the provider's words.")
    style: str | None = Field(None, description="Of a drawn picture, in the provider's words.")
    n: int = Field(1, ge=1, le=10, description="How many pictures are drawn.")
    output_format: Literal["url", "base64"] = Field("url", description="base64: pictures stand in the output, too.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, imageInput=("image", "imageUrl", "images", "imageUrls", "input"), systemPrompt=("system",),
            **ASKING_SPELLINGS,
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> VisionConfig:
        if self.operation == "generate" and self.prompt in (None, ""):
            raise ValueError("prompt: Required to generate an image")
        if self.operation != "generate" and self.image_input in (None, "", []):
            raise ValueError("imageInput: Required to analyze an image")
        return self


class VisionHandler:
    """Output: ``{operation, provider, model, analysis, text, usage, metadata}``; ``text`` is the analysis, too.

    Of generate: ``{operation, provider, model, images: [{url?, path?, base64?, mediaType, size?, revisedPrompt?}],
    metadata}``. A ``url`` is the provider's, ``path`` a file of the workspace.
    """

    node_type = NodeType(
        name="vision",
        summary="Lets a model look at pictures, or draw one.",
        config_model=VisionConfig,
        category="ai",
        effects=Effects.READ,
        streams=True,
        default_limit=provider_limit,
        fields=dict.fromkeys(("provider", "operation", "fallbacks", "outputFormat"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the provider does, INVALID_NODE_CONFIG for what is no picture."""
        config = config_of(node, VisionConfig)
        if config.operation == "generate":
            options = {"size": config.size, "quality": config.quality, "style": config.style, "n": config.n}
            return await draw(
                node, config, text_of(config.prompt), options, operation="generate",
                inline=config.output_format == "base64",
            )  # fmt: skip
        return await _look(node, config)


async def _look(node: NodeInput, config: VisionConfig) -> NodeResult:
    question = text_of(config.prompt) or (READ if config.operation == "ocr" else DESCRIBE)
    pictures = await image_parts(node, config.image_input, config.detail)
    messages: list[dict[str, Any]] = []
    if config.system_prompt not in (None, ""):
        messages.append({"role": "system", "content": text_of(config.system_prompt)})
    messages.append({"role": "user", "content": [{"type": "text", "text": question}, *pictures]})
    request = ChatRequest(
        model=config.model or "", provider=config.provider or "", messages=messages, temperature=config.temperature,
        max_tokens=config.max_tokens, base_url=config.base_url, api_key=config.api_key, timeout_ms=config.timeout_ms,
    )  # fmt: skip
    answer = await complete(
        node, request, fallbacks=config.fallbacks, on_text=node.emit_token, cache_ttl_ms=config.cache_ttl_ms
    )
    data = {
        "operation": config.operation, "provider": answer.provider, "model": answer.model, "analysis": answer.text,
        "text": answer.text, "usage": usage_view(answer.usage),
        "metadata": {"images": len(pictures), "finishReason": answer.finish_reason},
    }  # fmt: skip
    return NodeResult(data=data, usage=answer.usage, streaming=Streaming(node.stream_id, answer.usage))
