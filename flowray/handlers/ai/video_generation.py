"""The ``videoGeneration`` node: a short video from a prompt, of a server with OpenAI's API for videos."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.ai.asking import ASKING_SPELLINGS, TargetConfig, provider_limit, target_of
from flowray.handlers.ai.completion import usage_view
from flowray.handlers.ai.media import made_file
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.model_calls import VideoRequest
from flowray.handlers.node_config import config_of, rename, text_of

_SIZES = {"16:9": "1280x720", "9:16": "720x1280"}


class VideoGenerationConfig(TargetConfig):
    """What is to be seen, and for how long."""

    prompt: Any = Field(description="What is to be seen.")
    duration: float | None = Field(None, gt=0, le=60, description="Seconds.")
    size: str | None = Field(None, description="Such as 1280x720.")
    aspect_ratio: str | None = Field(None, description="16:9 or 9:16, where no size is given.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, prompt=("input", "text"), duration=("seconds", "durationSeconds"), **ASKING_SPELLINGS)
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _says_something(self) -> VideoGenerationConfig:
        if not text_of(self.prompt).strip():
            raise ValueError("prompt: Required")
        return self


class VideoGenerationHandler:
    """Output: ``{video: {mediaType, size, path?, base64?}, videoId, provider, model, duration?, usage, metadata}``."""

    node_type = NodeType(
        name="videoGeneration",
        summary="Lets a model make a short video.",
        config_model=VideoGenerationConfig,
        category="ai",
        effects=Effects.READ,
        default_limit=provider_limit,
        fields={"provider": FieldKind.LITERAL},
        experimental=True,
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Waits until the video is made. Raises PROVIDER_* as the provider does."""
        config = config_of(node, VideoGenerationConfig)
        options: dict[str, Any] = {}
        if config.duration is not None:
            options["seconds"] = f"{config.duration:g}"
        size = config.size or _SIZES.get(config.aspect_ratio or "")
        if size is not None:
            options["size"] = size
        began = node.now_ms()
        made = await node.services.models.generate_video(
            VideoRequest(text_of(config.prompt), target_of(config), options)
        )
        data = {
            "video": await made_file(node, made.video, "videos", inline=False), "videoId": made.video_id,
            "provider": made.provider, "model": made.model, "duration": made.seconds, "usage": usage_view(made.usage),
            "metadata": {**options, "processingTime": node.now_ms() - began},
        }  # fmt: skip
        return NodeResult(data=data, usage=made.usage)
