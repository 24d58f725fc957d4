"""The ``audioTranscription`` node: what is said in a recording, as text."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.ai.asking import ASKING_SPELLINGS, TargetConfig, provider_limit, target_of
from flowray.handlers.ai.completion import usage_view
from flowray.handlers.ai.media import read_medium
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.model_calls import TranscriptionRequest
from flowray.handlers.node_config import config_of, rename
from flowray.values import Json

AUDIO_SPELLINGS = ("audioFile", "audio", "audioInput", "audioUrl", "source", "input", "file")


class TranscriptionConfig(TargetConfig):
    """The recording, and how its text is wanted."""

    audio_source: Any = Field(
        None, description="Address, data URL, base64, path of the workspace, or an object with one of these."
    )
    task: Literal["transcribe", "translate"] = Field("transcribe", description="translate: into English.")
    language: str | None = Field(None, description="Language that is spoken, as ISO 639-1: en, de, …")
    prompt: str | None = Field(None, description="Names and words that occur, for better spelling.")
    output_format: Literal["text", "json", "verbose_json", "srt", "vtt"] = Field(
        "json", description="srt and vtt: text is subtitles; verbose_json: with segments and their times."
    )
    timestamps: bool = Field(False, description="Whether segments and words with their times are wanted.")
    temperature: float | None = Field(None, ge=0, le=1, description="0 for the likeliest words.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, audioSource=AUDIO_SPELLINGS, outputFormat=("responseFormat", "format"),
            timestamps=("includeTimestamps",), **ASKING_SPELLINGS,
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


async def transcribe(node: NodeInput, config: TranscriptionConfig) -> NodeResult:
    """The text of the recording, as AudioTranscriptionHandler puts it out."""
    if config.audio_source in (None, "", []):
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG, "the recording is missing (audioSource)",
            hint="name it in audioSource, or hand it in as an input of the execution",
        )  # fmt: skip
    audio = await read_medium(node, config.audio_source, "recording")
    subtitles = config.output_format in ("srt", "vtt")
    detailed = config.output_format == "verbose_json" or (config.timestamps and not subtitles)
    options: dict[str, Any] = {"language": config.language, "prompt": config.prompt, "temperature": config.temperature}
    if config.task == "translate":
        del options["language"]  # It is English, whatever was spoken.
    if config.timestamps and detailed and config.task == "transcribe":
        options["timestamp_granularities"] = ["segment", "word"]
    given = {name: value for name, value in options.items() if value is not None}
    wanted = config.output_format if subtitles else "verbose_json" if detailed else "json"
    began = node.now_ms()
    said = await node.services.models.transcribe(
        TranscriptionRequest(audio, target_of(config), config.task, wanted, given)
    )
    data: dict[str, Json] = {
        "text": said.text, "provider": said.provider, "model": said.model, "task": config.task,
        "usage": usage_view(said.usage),
        "metadata": {"bytes": len(audio.content or b""), "processingTime": node.now_ms() - began},
    }  # fmt: skip
    if said.language or config.language:
        data["language"] = said.language or config.language
    if said.duration_s is not None:
        data["duration"] = said.duration_s
    if said.segments:
        data["segments"] = [dict(segment) for segment in said.segments]
    if said.words:
        data["words"] = [dict(word) for word in said.words]
    return NodeResult(data=data, usage=said.usage)


class AudioTranscriptionHandler:
    """Output: ``{text, provider, model, task, usage, metadata}``, and ``language``, ``duration`` in seconds,
    ``segments`` and ``words`` where the provider tells them.
    """

    node_type = NodeType(
        name="audioTranscription",
        summary="Writes down what is said in a recording.",
        config_model=TranscriptionConfig,
        category="ai",
        effects=Effects.READ,
        default_limit=provider_limit,
        fields=dict.fromkeys(("provider", "task", "outputFormat"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the provider does, INVALID_NODE_CONFIG for what is no file, and as a download does."""
        return await transcribe(node, config_of(node, TranscriptionConfig))
