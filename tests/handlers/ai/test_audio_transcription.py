"""The audioTranscription node: what is asked of the provider."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowray.handlers.providers.fake_media import speech
from tests.fakes.models import FakeModels
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output

MEMO = base64.b64encode(speech("hi", "wav")).decode()


@pytest.mark.parametrize(
    ("config", "task", "wanted", "options"),
    [
        ({}, "transcribe", "json", {}),
        ({"outputFormat": "text", "language": "de"}, "transcribe", "json", {"language": "de"}),
        ({"outputFormat": "srt", "timestamps": True}, "transcribe", "srt", {}),
        ({"task": "translate", "language": "de"}, "translate", "json", {}),
        (
            {"timestamps": True, "temperature": 0, "prompt": "Ada"},
            "transcribe",
            "verbose_json",
            {"temperature": 0, "prompt": "Ada", "timestamp_granularities": ["segment", "word"]},
        ),
    ],
)
async def test_the_request(config: dict[str, Any], task: str, wanted: str, options: dict[str, Any]) -> None:
    models = FakeModels()
    found = await output("audioTranscription", {"audioFile": MEMO, **config}, services=fake_services(models=models))
    asked = models.asked[0]
    assert (asked.task, asked.response_format, asked.options) == (task, wanted, options)
    assert asked.audio.media_type == "audio/wav"
    assert (found["text"], found["language"], found["duration"], found["words"]) == (
        "said",
        "en",
        1.5,
        [{"word": "said"}],
    )


async def test_what_is_missing() -> None:
    error = await fail("audioTranscription", {"model": "whisper-1"}, services=fake_services(models=FakeModels()))
    assert (error.code, "audioSource" in error.message) == ("INVALID_NODE_CONFIG", True)
