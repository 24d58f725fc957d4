"""Chat models whose SDK is imported when the first call needs it: it takes half a second that few processes need."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flowray.handlers.services import ChatChunk, ChatModel, ChatRequest


@dataclass(frozen=True)
class ChatProvider:
    """One endpoint. ``base_url`` None is the SDK's own default; ``default_model`` serves requests that name none."""

    base_url: str | None = None
    api_key: str | None = None
    default_model: str | None = None


class LazyChatModel:
    """A ChatModel that becomes the OpenAI SDK's at its first call."""

    def __init__(self, providers: Mapping[str, ChatProvider], default: str | None = None) -> None:
        self._providers = providers
        self._default = default
        self._model: ChatModel | None = None

    def load(self) -> ChatModel:
        """Import the SDK now; a lane does so in the background once it is up."""
        if self._model is None:
            module = importlib.import_module("flowray.handlers.providers.chat_models")
            self._model = module.OpenAIChatModel(self._providers, self._default)
        return self._model

    def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """As ChatModel says."""
        return self.load().stream(request)

    async def aclose(self) -> None:
        """Close the SDK's connections, if there are any."""
        if self._model is not None:
            await cast(Any, self._model).aclose()
