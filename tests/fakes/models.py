"""Models for unit tests: embeddings of words, and scripted media. Nothing outside the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.engine.signals import Usage
from flowray.handlers.model_calls import (
    Embeddings,
    ImageRequest,
    Images,
    Medium,
    Speech,
    SpeechRequest,
    Target,
    Transcript,
    TranscriptionRequest,
    Video,
    VideoRequest,
)
from flowray.handlers.providers.fake_vectors import fake_vector

USAGE = Usage(3, 0, "m", 0.5, "USD")
PNG = b"\x89PNG-made"


class FakeModels:
    """Answers everything at once, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def embed(
        self, texts: Sequence[str], model: str = "", provider: str = "", *, dimensions: int | None = None,
        target: Target | None = None, batch_size: int | None = None,
    ) -> Embeddings:  # fmt: skip
        self.asked.append((list(texts), target, dimensions, batch_size))
        vectors = tuple(tuple(fake_vector(text, dimensions or 4)) for text in texts)
        return Embeddings(vectors, model or "m", provider or "p", USAGE)

    async def generate_images(self, request: ImageRequest) -> Images:
        self.asked.append(request)
        return Images((Medium(PNG, "image/png"),), (f"revised {request.prompt}",), "m", "p", USAGE)

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        self.asked.append(request)
        return Transcript("said", "m", "p", USAGE, "en", 1.5, ({"id": 0},), ({"word": "said"},))

    async def speak(self, request: SpeechRequest) -> Speech:
        self.asked.append(request)
        return Speech(Medium(b"ID3" + request.text.encode(), "audio/mpeg"), "m", "p", USAGE)

    async def generate_video(self, request: VideoRequest) -> Video:
        self.asked.append(request)
        return Video(Medium(b"film", "video/mp4"), "v1", "m", "p", USAGE, 4.0)
