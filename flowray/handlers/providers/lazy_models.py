"""Models whose SDK is imported when the first call needs it: it takes half a second that few processes need."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from flowray.handlers.circuit_breaker import CircuitBreakers
from flowray.handlers.model_calls import (
    Embeddings,
    ImageRequest,
    Images,
    Models,
    Speech,
    SpeechRequest,
    Target,
    Transcript,
    TranscriptionRequest,
    Video,
    VideoRequest,
)
from flowray.handlers.prices import Prices
from flowray.handlers.providers.provider import Provider, Providers
from flowray.handlers.services import ChatChunk, ChatModel, ChatRequest

VIDEO_POLL_S = 2.0
"""How often an unfinished video is asked after."""

_PACKAGE = "flowray.handlers.providers"


class LazyClients:
    """The SDK's clients, made at the first use of whatever needs them. Shared by what asks the same providers."""

    def __init__(self, providers: Mapping[str, Provider], default: str | None = None) -> None:
        self._providers = Providers(providers, default)
        self._clients: Any = None

    def load(self) -> Any:
        """Import the SDK now; a lane does so in the background once it is up."""
        if self._clients is None:
            self._clients = importlib.import_module(f"{_PACKAGE}.openai_clients").OpenAIClients(self._providers)
        return self._clients

    async def aclose(self) -> None:
        """Close the SDK's connections, if there are any."""
        if self._clients is not None:
            await self._clients.aclose()


class LazyChatModel:
    """A ChatModel that becomes the OpenAI SDK's at its first call."""

    def __init__(self, clients: LazyClients) -> None:
        self._clients = clients
        self._model: ChatModel | None = None

    def load(self) -> ChatModel:
        """Import the SDK now."""
        if self._model is None:
            module = importlib.import_module(f"{_PACKAGE}.chat_models")
            self._model = module.OpenAIChatModel(self._clients.load())
        return self._model

    def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """As ChatModel says."""
        return self.load().stream(request)


class LazyModels:
    """Models that become the OpenAI SDK's at their first call."""

    def __init__(
        self, clients: LazyClients, breakers: CircuitBreakers, prices: Prices, *, poll_s: float = VIDEO_POLL_S
    ) -> None:
        self._clients, self._breakers, self._prices, self._poll_s = clients, breakers, prices, poll_s
        self._models: Models | None = None

    def load(self) -> Models:
        """Import the SDK now."""
        if self._models is None:
            module = importlib.import_module(f"{_PACKAGE}.openai_models")
            self._models = module.OpenAIModels(self._clients.load(), self._breakers, self._prices, self._poll_s)
        return self._models

    async def embed(
        self, texts: Sequence[str], model: str = "", provider: str = "", *, dimensions: int | None = None,
        target: Target | None = None, batch_size: int | None = None,
    ) -> Embeddings:  # fmt: skip
        """As Models says."""
        return await self.load().embed(
            texts, model, provider, dimensions=dimensions, target=target, batch_size=batch_size
        )

    async def generate_images(self, request: ImageRequest) -> Images:
        """As Models says."""
        return await self.load().generate_images(request)

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        """As Models says."""
        return await self.load().transcribe(request)

    async def speak(self, request: SpeechRequest) -> Speech:
        """As Models says."""
        return await self.load().speak(request)

    async def generate_video(self, request: VideoRequest) -> Video:
        """As Models says."""
        return await self.load().generate_video(request)
