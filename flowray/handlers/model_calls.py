"""Calls of models that do not chat: embeddings, images, speech and its transcription, video. Interfaces and their data;
who answers is in providers/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError

DEFAULT_PROVIDER = "openai"
"""Who is asked where a node names no provider."""

MODEL_TIMEOUT_MS = 600_000
"""How long a call may take unless its node says otherwise."""


@dataclass(frozen=True)
class Target:
    """Whom to ask. Empty ``provider`` and ``model`` mean the default ones.

    ``base_url`` and ``api_key`` are of a node's own; a configured provider's key never goes to a node's own address.
    """

    provider: str = ""
    model: str = ""
    base_url: str | None = None
    api_key: str | None = None
    timeout_ms: int = MODEL_TIMEOUT_MS


@dataclass(frozen=True)
class Embeddings:
    """One vector per text, in the order of the texts; all have the same number of ``dimensions``."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    provider: str
    usage: Usage

    @property
    def dimensions(self) -> int:
        """Length of the vectors; 0 where there is none."""
        return len(self.vectors[0]) if self.vectors else 0


@dataclass(frozen=True)
class Medium:
    """A file that a model made, or is given: its bytes, or the address at which its provider keeps it."""

    content: bytes | None
    media_type: str
    url: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Images:
    """Generated images. ``revised_prompts``: what the model made of the prompt, one per image, empty where unsaid."""

    images: tuple[Medium, ...]
    revised_prompts: tuple[str, ...]
    model: str
    provider: str
    usage: Usage


@dataclass(frozen=True)
class Transcript:
    """What was said. ``segments`` and ``words`` as the provider gives them, in seconds; empty if not asked for."""

    text: str
    model: str
    provider: str
    usage: Usage
    language: str | None = None
    duration_s: float | None = None
    segments: tuple[Mapping[str, Any], ...] = ()
    words: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Speech:
    """A spoken text."""

    audio: Medium
    model: str
    provider: str
    usage: Usage


@dataclass(frozen=True)
class Video:
    """A generated video."""

    video: Medium
    video_id: str
    model: str
    provider: str
    usage: Usage
    seconds: float | None = None


@dataclass(frozen=True)
class ImageRequest:
    """``sources``: images to edit, in which case ``prompt`` says how. ``options`` go to the provider as they are."""

    prompt: str
    target: Target = Target()
    sources: Sequence[Medium] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TranscriptionRequest:
    """``task`` translate gives English whatever was spoken. ``options`` go to the provider as they are."""

    audio: Medium
    target: Target = Target()
    task: str = "transcribe"
    response_format: str = "json"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SpeechRequest:
    """``audio_format`` is one of mp3, opus, aac, flac, wav, pcm. ``options`` go to the provider as they are."""

    text: str
    voice: str
    target: Target = Target()
    audio_format: str = "mp3"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VideoRequest:
    """``options`` go to the provider as they are: ``seconds``, ``size``."""

    prompt: str
    target: Target = Target()
    options: Mapping[str, Any] = field(default_factory=dict)


class Models(Protocol):
    """Models behind OpenAI-compatible endpoints. All raise FlowrayError PROVIDER_* with retry hints."""

    async def embed(
        self,
        texts: Sequence[str],
        model: str = "",
        provider: str = "",
        *,
        dimensions: int | None = None,
        target: Target | None = None,
        batch_size: int | None = None,
    ) -> Embeddings:
        """Vectors of ``texts``, asked for in batches; none for no texts. ``target`` replaces model and provider."""
        ...  # fmt: skip

    async def generate_images(self, request: ImageRequest) -> Images: ...

    async def transcribe(self, request: TranscriptionRequest) -> Transcript: ...

    async def speak(self, request: SpeechRequest) -> Speech: ...

    async def generate_video(self, request: VideoRequest) -> Video:
        """Starts it and waits for its end."""
        ...


class NoModels:
    """Of a lane that was given none."""

    async def embed(
        self, texts: Sequence[str], model: str = "", provider: str = "", *, dimensions: int | None = None,
        target: Target | None = None, batch_size: int | None = None,
    ) -> Embeddings:  # fmt: skip
        raise _absent()

    async def generate_images(self, request: ImageRequest) -> Images:
        raise _absent()

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        raise _absent()

    async def speak(self, request: SpeechRequest) -> Speech:
        raise _absent()

    async def generate_video(self, request: VideoRequest) -> Video:
        raise _absent()


def _absent() -> FlowrayError:
    return FlowrayError(ErrorCode.CONFIGURATION, "this lane has no models for embeddings, images, speech or video")
