"""The ``audioOutput`` node: a text, spoken."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.ai.asking import ASKING_SPELLINGS, TargetConfig, provider_limit, target_of
from flowray.handlers.ai.completion import usage_view
from flowray.handlers.ai.media import made_file
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.model_calls import SpeechRequest
from flowray.handlers.node_config import config_of, rename, text_of

VOICE = "alloy"
TEXT_SPELLINGS = ("input", "text", "script", "content")


class AudioOutputConfig(TargetConfig):
    """The text, and how it sounds."""

    text_input: Any = Field(description="What is spoken.")
    voice: str = Field(VOICE, description="In the provider's words: alloy, onyx, nova, …")
    speed: float | None = Field(None, ge=0.25, le=4, description="1 is as usual.")
    instructions: str | None = Field(None, description="How to speak, for models that take it.")
    output_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field("mp3", description="Of the recording.")
    return_as_url: bool | None = Field(None, description="false: the recording stands in the output as base64, too.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, textInput=TEXT_SPELLINGS, outputFormat=("format", "responseFormat"), **ASKING_SPELLINGS)
        if not isinstance(given, dict):
            return given
        given = {key: value for key, value in given.items() if value is not None}
        if "returnFormat" in given and "returnAsUrl" not in given:
            given["returnAsUrl"] = given["returnFormat"] != "base64"
        # Some name a voice by an object with its settings, of which the others are another provider's.
        voice = given.get("voice")
        if isinstance(voice, dict):
            given["voice"] = text_of(voice.get("voice") or voice.get("id") or voice.get("name")) or VOICE
        return given

    @model_validator(mode="after")
    def _says_something(self) -> AudioOutputConfig:
        if not text_of(self.text_input).strip():
            raise ValueError("textInput: Required")
        return self


async def speak(node: NodeInput, config: AudioOutputConfig) -> NodeResult:
    """The recording, as AudioOutputHandler puts it out."""
    text = text_of(config.text_input)
    options = {"speed": config.speed, "instructions": config.instructions}
    given = {name: value for name, value in options.items() if value is not None}
    began = node.now_ms()
    said = await node.services.models.speak(
        SpeechRequest(text, config.voice, target_of(config), config.output_format, given)
    )
    view = await made_file(node, said.audio, "audio", inline=config.return_as_url is False)
    data = {
        "audio": view, "provider": said.provider, "model": said.model, "voice": config.voice,
        "format": config.output_format, "usage": usage_view(said.usage),
        "metadata": {"textLength": len(text), "processingTime": node.now_ms() - began},
    }  # fmt: skip
    return NodeResult(data=data, usage=said.usage)


class AudioOutputHandler:
    """Output: ``{audio: {mediaType, size, path?, base64?}, provider, model, voice, format, usage, metadata}``; ``path``
    is a file of the workspace.
    """

    node_type = NodeType(
        name="audioOutput",
        summary="Speaks a text.",
        config_model=AudioOutputConfig,
        category="ai",
        effects=Effects.READ,
        default_limit=provider_limit,
        fields=dict.fromkeys(("provider", "outputFormat", "returnAsUrl", "returnFormat"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the provider does."""
        return await speak(node, config_of(node, AudioOutputConfig))
