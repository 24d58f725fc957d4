"""The ``audio`` node of older definitions: ``audioTranscription`` or ``audioOutput``, by its operation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.ai.asking import provider_limit
from flowray.handlers.ai.audio_output import AudioOutputConfig, speak
from flowray.handlers.ai.audio_transcription import TranscriptionConfig, transcribe
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, parse_config, rename

_SYNONYMS = {"transcription": "transcribe", "stt": "transcribe", "speak": "tts", "speech": "tts", "generate": "tts"}


class AudioConfig(NodeConfig):
    """Which way. All other fields are those of audioTranscription, or of audioOutput."""

    operation: Literal["transcribe", "tts"] = Field(description="transcribe: audio into text; tts: text into audio.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, operation=("mode",))
        if not isinstance(given, dict):
            return given
        said = given.get("operation") or ("tts" if given.get("textInput") or given.get("text") else "transcribe")
        return {**given, "operation": _SYNONYMS.get(said, said) if isinstance(said, str) else said}


class AudioHandler:
    """Output: that of ``audioTranscription``, or of ``audioOutput``."""

    node_type = NodeType(
        name="audio",
        summary="Speaks a text, or writes down what is said in a recording.",
        config_model=AudioConfig,
        category="ai",
        effects=Effects.READ,
        default_limit=provider_limit,
        fields=dict.fromkeys(
            ("provider", "operation", "outputFormat", "returnAsUrl", "returnFormat"), FieldKind.LITERAL
        ),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises as the type does whose work it is."""
        if config_of(node, AudioConfig).operation == "tts":
            return await speak(node, parse_config(AudioOutputConfig, node.config, node.node_type))
        return await transcribe(node, parse_config(TranscriptionConfig, node.config, node.node_type))
