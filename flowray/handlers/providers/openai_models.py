"""Models over the openai SDK: embeddings, images, audio and video of any server that speaks OpenAI's API."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import openai
from openai import AsyncOpenAI, HttpxBinaryResponseContent

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.circuit_breaker import CircuitBreakers
from flowray.handlers.handler import system_now_ms
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
from flowray.handlers.prices import Amount, Prices
from flowray.handlers.providers.openai_clients import OpenAIClients, translate
from flowray.handlers.providers.provider import Endpoint, Kind

EMBEDDING_BATCH = 256
"""Texts in one request unless the node says otherwise: OpenAI takes 2,048, smaller servers less."""

AUDIO_TYPES = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
    "pcm": "audio/pcm",
}  # fmt: skip


class OpenAIModels:
    """The Models of the configured providers. ``poll_s``: how often an unfinished video is asked after."""

    def __init__(self, clients: OpenAIClients, breakers: CircuitBreakers, prices: Prices, poll_s: float) -> None:
        self._clients, self._breakers, self._prices = clients, breakers, prices
        self._poll_s = poll_s

    async def embed(
        self, texts: Sequence[str], model: str = "", provider: str = "", *, dimensions: int | None = None,
        target: Target | None = None, batch_size: int | None = None,
    ) -> Embeddings:  # fmt: skip
        """As Models says. Servers that report no usage have their tokens estimated."""
        target = target or Target(provider, model)
        found, client = self._ask("embedding", target)
        vectors: list[tuple[float, ...]] = []
        usage = Usage(model=found.model)
        size = batch_size or EMBEDDING_BATCH
        more: dict[str, Any] = {"dimensions": dimensions} if dimensions else {}
        for start in range(0, len(texts), size):
            batch = list(texts[start : start + size])
            with self._call(found):
                answer = await client.embeddings.create(
                    input=batch, model=found.model, encoding_format="float", timeout=target.timeout_ms / 1000, **more
                )
            vectors.extend(tuple(item.embedding) for item in sorted(answer.data, key=lambda item: item.index or 0))
            usage = usage.plus(_embedding_usage(answer.usage, batch, found.model))
        if len(vectors) != len(texts):
            raise _unusable(found, f"{len(vectors)} vectors for {len(texts)} texts")
        return Embeddings(tuple(vectors), found.model, found.name, self._priced(found, usage))

    async def generate_images(self, request: ImageRequest) -> Images:
        """Made from the prompt, or from the sources as the prompt says."""
        found, client = self._ask("image", request.target)
        common = {
            "prompt": request.prompt, "model": found.model, "timeout": request.target.timeout_ms / 1000,
            **request.options,
        }  # fmt: skip
        with self._call(found):
            if request.sources:
                answer = await client.images.edit(image=[_file(source) for source in request.sources], **common)
            else:
                answer = await client.images.generate(**common)
        if not answer.data:
            raise _unusable(found, "no image")
        kind = f"image/{answer.output_format or 'png'}"
        media = tuple(
            Medium(base64.b64decode(image.b64_json) if image.b64_json else None, kind, image.url)
            for image in answer.data
        )
        used = answer.usage
        usage = Usage(used.input_tokens, used.output_tokens, found.model) if used else Usage(model=found.model)
        prompts = tuple(image.revised_prompt or "" for image in answer.data)
        return Images(media, prompts, found.model, found.name, self._priced(found, usage, images=len(media)))

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        """With ``response_format`` text, srt or vtt the answer is that text as it is."""
        found, client = self._ask("transcription", request.target)
        # Not through the SDK's own methods: translation is deprecated there, and other servers still offer it.
        path = "/audio/translations" if request.task == "translate" else "/audio/transcriptions"
        timeout_s = request.target.timeout_ms / 1000
        body = {"model": found.model, "response_format": request.response_format, **request.options}
        plain = request.response_format in ("text", "srt", "vtt")
        with self._call(found):
            answer: Any = await client.post(
                path, cast_to=str if plain else dict[str, Any], body=body, files=[("file", _file(request.audio))],
                options={"headers": {"Content-Type": "multipart/form-data"}, "timeout": timeout_s},
            )  # fmt: skip
        if plain:
            return Transcript(str(answer), found.model, found.name, Usage(model=found.model))
        said: Mapping[str, Any] = answer
        used: Mapping[str, Any] = said.get("usage") or {}
        usage = Usage(int(used.get("input_tokens", 0)), int(used.get("output_tokens", 0)), found.model)
        duration_s = said.get("duration", used.get("seconds"))
        return Transcript(
            text=said.get("text", ""), model=found.model, provider=found.name,
            usage=self._priced(found, usage, minutes=(duration_s or 0) / 60),
            language=said.get("language"), duration_s=duration_s,
            segments=tuple(said.get("segments", ())), words=tuple(said.get("words", ())),
        )  # fmt: skip

    async def speak(self, request: SpeechRequest) -> Speech:
        """The whole audio, once it is all there."""
        found, client = self._ask("speech", request.target)
        options: dict[str, Any] = dict(request.options)
        with self._call(found):
            answer = await client.audio.speech.create(
                input=request.text, model=found.model, voice=request.voice,
                response_format=request.audio_format,  # type: ignore[arg-type]
                timeout=request.target.timeout_ms / 1000, **options,
            )  # fmt: skip
            content = await answer.aread()
        audio = Medium(content, AUDIO_TYPES.get(request.audio_format, "application/octet-stream"))
        usage = self._priced(found, Usage(model=found.model), characters=len(request.text))
        return Speech(audio, found.model, found.name, usage)

    async def generate_video(self, request: VideoRequest) -> Video:
        """Raises PROVIDER_REJECTED with the provider's reason if it fails to make it."""
        found, client = self._ask("video", request.target)
        # Not through the SDK's own methods: OpenAI has given up video, which other servers still offer in this shape.
        with self._call(found):
            body = {"prompt": request.prompt, "model": found.model, **request.options}
            made: dict[str, Any] = await client.post("/videos", cast_to=dict[str, Any], body=body)
            while made.get("status") in ("queued", "in_progress"):
                await asyncio.sleep(self._poll_s)
                made = await client.get(f"/videos/{made['id']}", cast_to=dict[str, Any])
            if made.get("status") != "completed":
                reason = (made.get("error") or {}).get("message", "the video failed")
                raise _unusable(found, reason, rejected=True)
            content = await client.get(f"/videos/{made['id']}/content", cast_to=HttpxBinaryResponseContent)
        seconds = float(made.get("seconds") or 0)
        usage = self._priced(found, Usage(model=found.model), seconds=seconds)
        return Video(Medium(content.content, "video/mp4"), made["id"], found.model, found.name, usage, seconds or None)

    @contextmanager
    def _call(self, found: Endpoint) -> Iterator[None]:
        """Around one call: through the circuit of its provider, and with our codes."""
        with self._breakers.guard(found.circuit, system_now_ms):
            try:
                yield
            except openai.OpenAIError as error:
                raise translate(error, found.name, found.model) from error

    def _priced(self, found: Endpoint, usage: Usage, **amount: Any) -> Usage:
        return self._prices.priced(usage, found.name, found.model, Amount(**amount))

    def _ask(self, kind: Kind, target: Target) -> tuple[Endpoint, AsyncOpenAI]:
        found = self._clients.providers.endpoint(kind, target.provider, target.model, target.base_url, target.api_key)
        return found, self._clients.client(found.provider)


def _unusable(found: Endpoint, reason: str, *, rejected: bool = False) -> FlowrayError:
    return FlowrayError(
        ErrorCode.PROVIDER_REJECTED if rejected else ErrorCode.PROVIDER_ERROR,
        f"{found.name}/{found.model}: {reason}",
        details={"provider": found.name, "model": found.model},
        retryable=not rejected,
    )


def _embedding_usage(reported: Any, texts: Sequence[str], model: str) -> Usage:
    if reported is None:
        return Usage(sum(-(-len(text) // 4) for text in texts), 0, model, estimated=True)
    return Usage(reported.prompt_tokens or 0, 0, model)


def _file(medium: Medium) -> tuple[str, bytes, str]:
    """As the SDK uploads it. Servers tell formats by the name's ending."""
    ending = medium.media_type.rpartition("/")[2].split(";")[0].removeprefix("x-")
    name = medium.name or f"file.{'mp3' if ending == 'mpeg' else ending}"
    return name, medium.content or b"", medium.media_type
