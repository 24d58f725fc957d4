"""The ``audioInput`` node: a recording among the execution's inputs, written down where a model is named."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.names import MISSING
from flowray.handlers.ai.asking import ASKING_SPELLINGS, provider_limit
from flowray.handlers.ai.audio_transcription import AUDIO_SPELLINGS, TranscriptionConfig, transcribe
from flowray.handlers.ai.media import read_medium
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import config_of, rename
from flowray.handlers.references import value_of
from flowray.values import Json


class AudioInputConfig(TranscriptionConfig):
    """Where the recording is, and who writes it down; without provider and model it is handed on as it is."""

    input_name: str = Field("audio", description="Name of the input, or of a value of the workflow.")
    required: bool = Field(True, description="Whether its absence is an error.")
    accepted_formats: list[str] = Field(default_factory=list, description="mp3, wav, …; any if there are none.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, inputName=("inputVariable", "variableName"), audioSource=AUDIO_SPELLINGS,
            acceptedFormats=("acceptedTypes", "allowedFormats"), **ASKING_SPELLINGS,
        )  # fmt: skip
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class AudioInputHandler:
    """Output: that of ``audioTranscription``; ``{audio, mediaType, size}`` where no model is named; ``{audio: null}``
    for one that is absent and not required.
    """

    node_type = NodeType(
        name="audioInput",
        summary="Takes a recording in, and writes down what is said in it.",
        config_model=AudioInputConfig,
        category="inputs",
        role=Role.SOURCE,
        effects=Effects.READ,
        default_limit=lambda config: provider_limit(config) if _asks(config) else None,
        fields={
            "inputName": FieldKind.LITERAL, "provider": FieldKind.LITERAL, "acceptedFormats": FieldKind.LITERAL,
            "inputVariable": FieldKind.EXPRESSION, "variableName": FieldKind.EXPRESSION,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises PROVIDER_* as the provider does, INVALID_INPUT for a recording that is absent or of another format."""
        config = config_of(node, AudioInputConfig)
        given = _given(node, config)
        if given in (None, ""):
            if config.required:
                raise FlowrayError(
                    ErrorCode.INVALID_INPUT, f"the recording {config.input_name!r} is missing",
                    hint=f"start the execution with an input {config.input_name!r}: an address, a data URL, base64",
                )  # fmt: skip
            return NodeResult(data={"audio": None})
        audio = await read_medium(node, given, "recording")
        _check_format(config, audio.media_type, audio.name)
        if not (config.provider or config.model or config.base_url):
            return NodeResult(data={"audio": given, "mediaType": audio.media_type, "size": len(audio.content or b"")})
        return await transcribe(node, config.model_copy(update={"audio_source": given}))


def _asks(config: Any) -> bool:
    return any(config.get(name) for name in ("provider", "model", "baseUrl"))


def _given(node: NodeInput, config: AudioInputConfig) -> Json:
    if config.audio_source not in (None, ""):
        return config.audio_source
    value = node.inputs.get(config.input_name)
    if value is None:
        found = value_of(config.input_name, node.names)
        value = None if found is MISSING else found
    return value


def _check_format(config: AudioInputConfig, media_type: str, name: str) -> None:
    kinds = {media_type.partition("/")[2], name.rpartition(".")[2].lower()}
    if "mpeg" in kinds:
        kinds.add("mp3")
    if "mp4" in kinds:
        kinds.add("m4a")
    wanted = {accepted.lower().lstrip(".").removeprefix("audio/") for accepted in config.accepted_formats}
    if wanted and not wanted & kinds:
        raise FlowrayError(
            ErrorCode.INVALID_INPUT,
            f"the recording {config.input_name!r} is {media_type}; accepted are {', '.join(config.accepted_formats)}",
        )
