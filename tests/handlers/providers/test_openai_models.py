"""Embeddings, images, audio and video over real sockets against the fake OpenAI server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.errors import FlowrayError
from flowray.handlers.circuit_breaker import CircuitBreakers
from flowray.handlers.model_calls import (
    ImageRequest,
    Medium,
    SpeechRequest,
    Target,
    TranscriptionRequest,
    VideoRequest,
)
from flowray.handlers.prices import Price, Prices
from flowray.handlers.providers.fake_openai import FakeOpenAI
from flowray.handlers.providers.openai_clients import OpenAIClients
from flowray.handlers.providers.openai_models import OpenAIModels
from flowray.handlers.providers.provider import Provider, Providers

Fake = tuple[str, FakeOpenAI]


@pytest.fixture
async def models(fake_openai: Fake) -> AsyncIterator[OpenAIModels]:
    kinds: Any = dict.fromkeys(("embedding", "image", "speech", "transcription", "video"), "fake-model")
    clients = OpenAIClients(Providers({"fake": Provider(f"{fake_openai[0]}/v1", "sk-test", models=kinds)}))
    yield OpenAIModels(clients, CircuitBreakers(), Prices({"fake-model": Price(input=1.0, output=1.0)}), poll_s=0.0)
    await clients.aclose()


async def test_embeddings_come_in_batches_and_in_order(models: OpenAIModels, fake_openai: Fake) -> None:
    texts = ["red lamp", "opening hours", "lamps that are red"]
    found = await models.embed(texts, dimensions=64, batch_size=2)
    assert (len(found.vectors), found.dimensions, found.model, found.provider) == (3, 64, "fake-model", "fake")
    near, far = (sum(a * b for a, b in zip(found.vectors[0], other, strict=True)) for other in found.vectors[:0:-1])
    assert near > far + 0.2
    assert found.usage == Usage(2 + 4 + 5, 0, "fake-model", cost=0.000011, currency="USD")
    assert [entry.body["input"] for entry in fake_openai[1].journal] == [texts[:2], texts[2:]]
    assert (await models.embed([])).vectors == ()


async def test_errors_are_those_of_chat(models: OpenAIModels) -> None:
    with pytest.raises(FlowrayError) as caught:
        await models.embed(["x"], "fake-429")
    error = caught.value
    assert (error.code, error.retryable, error.details["retry_after_ms"]) == ("PROVIDER_RATE_LIMITED", True, 1_000)
    with pytest.raises(FlowrayError) as caught:
        await models.speak(SpeechRequest("x", "alloy", Target(model="fake-401")))
    assert caught.value.code == "PROVIDER_AUTH"


async def test_images_as_bytes_by_address_and_edited(models: OpenAIModels) -> None:
    made = await models.generate_images(ImageRequest("a red lamp", options={"n": 2, "size": "16x8"}))
    first, second = (image.content or b"" for image in made.images)
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first[16:24] == b"\x00\x00\x00\x10\x00\x00\x00\x08"
    assert first != second
    assert (made.images[0].media_type, made.revised_prompts[0]) == ("image/png", "A picture of: a red lamp")
    assert made.usage == Usage(3, 200, "fake-model", cost=0.000203, currency="USD")
    linked = await models.generate_images(ImageRequest("a lamp", options={"response_format": "url"}))
    assert linked.images[0].content is None
    assert linked.images[0].url is not None
    source = Medium(first, "image/png")
    edited = await models.generate_images(ImageRequest("make it blue", sources=[source]))
    again = await models.generate_images(ImageRequest("make it blue", sources=[Medium(second, "image/png")]))
    assert edited.images[0].content != again.images[0].content


@pytest.mark.parametrize("kind", ["wav", "mp3", "opus"])
async def test_what_is_spoken_is_understood(models: OpenAIModels, kind: str) -> None:
    said = await models.speak(SpeechRequest("grüß dich, lamp", "alloy", audio_format=kind, options={"speed": 1.5}))
    assert said.audio.media_type in ("audio/wav", "audio/mpeg", "audio/ogg")
    heard = await models.transcribe(TranscriptionRequest(said.audio, options={"language": "de"}))
    assert (heard.text, heard.duration_s) == ("grüß dich, lamp", 0.3)


async def test_transcripts_in_detail_translated_and_as_text(models: OpenAIModels, fake_openai: Fake) -> None:
    audio = Medium(b"RIFF....", "audio/x-wav")
    whole = await models.transcribe(
        TranscriptionRequest(audio, response_format="verbose_json", options={"timestamp_granularities": ["word"]})
    )
    assert whole.text.startswith("Something is said (8 bytes, ")
    assert (whole.language, whole.segments[0]["text"], whole.words[1]["word"]) == ("english", whole.text, "is")
    english = await models.transcribe(TranscriptionRequest(audio, task="translate"))
    assert english.text == f"In English: {whole.text}"
    subtitles = await models.transcribe(TranscriptionRequest(audio, response_format="srt"))
    assert "00:00:00,000 --> " in subtitles.text
    assert [entry.path for entry in fake_openai[1].journal][1] == "/v1/audio/translations"


async def test_a_video_is_waited_for(models: OpenAIModels) -> None:
    made = await models.generate_video(VideoRequest("a lamp", options={"seconds": "8"}))
    assert (made.seconds, made.video.media_type, (made.video.content or b"")[4:12]) == (8.0, "video/mp4", b"ftypisom")
    with pytest.raises(FlowrayError) as caught:
        await models.generate_video(VideoRequest("an impossible lamp"))
    assert (caught.value.code, caught.value.retryable) == ("PROVIDER_REJECTED", False)
    assert caught.value.message == "fake/fake-model: this cannot be shown"
