"""The ``imageGeneration`` node: a model draws from a prompt, or changes pictures as the prompt says."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.ai.asking import ASKING_SPELLINGS, TargetConfig, provider_limit
from flowray.handlers.ai.drawing import draw
from flowray.handlers.ai.media import read_medium
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import config_of, rename, text_of

_USUAL_PROMPTS = {
    "upscale": "Enlarge this picture and sharpen its details. Change nothing else.",
    "styleTransfer": "Redraw the first picture in the style of the second one.",
    "variation": "Draw a variation of this picture.",
}
"""Where the author gives none."""


class ImageGenerationConfig(TargetConfig):
    """What to draw, or what to do with pictures. Fields that the provider does not know stay out."""

    prompt: Any = Field(None, description="What to draw, or how to change the sources.")
    operation: Literal["generate", "edit", "upscale", "styleTransfer", "variation"] | None = Field(
        None, description="generate without sources, else edit, unless it is said."
    )
    source_image: Any = Field(None, description="Picture to change: address, data URL, base64 or object; or a list.")
    style_reference: Any = Field(None, description="Picture whose style a styleTransfer takes.")
    size: str | None = Field(None, description="Such as 1024x1024.")
    quality: str | None = Field(None, description="In the provider's words: hd, high, …")
    style: str | None = Field(None, description="In the provider's words: vivid, natural, …")
    n: int = Field(1, ge=1, le=10, description="How many pictures.")
    output_format: Literal["url", "base64"] = Field("url", description="base64: pictures stand in the output, too.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, sourceImage=("image", "imageInput", "sourceImages", "imageUrl"), prompt=("input", "text"),
            styleReference=("styleImage",), n=("count", "numberOfImages"), **ASKING_SPELLINGS,
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> ImageGenerationConfig:
        if self.source_image in (None, "", []) and self.prompt in (None, ""):
            raise ValueError("prompt: Required (or sourceImage)")
        if self.operation not in (None, "generate") and self.source_image in (None, "", []):
            raise ValueError(f"sourceImage: Required to {self.operation}")
        return self


class ImageGenerationHandler:
    """Output: ``{operation, provider, model, images: [{url?, path?, base64?, mediaType, size?, revisedPrompt?}], usage,
    metadata}``. A ``url`` is the provider's and ends after a while, ``path`` is a file of the workspace.
    """

    node_type = NodeType(
        name="imageGeneration",
        summary="Lets a model draw, or change pictures.",
        config_model=ImageGenerationConfig,
        category="ai",
        effects=Effects.READ,
        default_limit=provider_limit,
        fields=dict.fromkeys(("provider", "operation", "outputFormat"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the provider does, INVALID_NODE_CONFIG for what is no picture."""
        config = config_of(node, ImageGenerationConfig)
        given = config.source_image if isinstance(config.source_image, list) else [config.source_image]
        wanted = [picture for picture in (*given, config.style_reference) if picture not in (None, "")]
        sources = [await read_medium(node, picture, "picture") for picture in wanted]
        operation = config.operation or ("edit" if sources else "generate")
        prompt = text_of(config.prompt) or _USUAL_PROMPTS.get(operation, _USUAL_PROMPTS["variation"])
        options = {"size": config.size, "quality": config.quality, "style": config.style, "n": config.n}
        if sources:
            del options["style"]  # No server takes it for an edit.
        return await draw(
            node, config, prompt, options, operation=operation, inline=config.output_format == "base64",
            sources=sources,
        )  # fmt: skip
