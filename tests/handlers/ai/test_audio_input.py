"""The audioInput node: where the recording is, and what is done with it."""

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
    ("config", "task"),
    [
        ({"model": "whisper-1"}, {"inputs": {"audio": MEMO}}),
        ({"provider": "openai", "inputName": "memo"}, {"inputs": {"memo": {"base64": MEMO}}}),
        ({"provider": "openai", "inputVariable": "call"}, {"variables": {"call": MEMO}}),
        ({"provider": "openai", "audioFile": "{{x}}"}, {"inputs": {"x": MEMO}}),
    ],
)
async def test_a_recording_is_found_and_written_down(config: dict[str, Any], task: dict[str, Any]) -> None:
    models = FakeModels()
    found = await output("audioInput", config, services=fake_services(models=models), **task)
    assert found["text"] == "said"
    assert models.asked[0].audio.content == speech("hi", "wav")


async def test_without_a_model_it_is_handed_on() -> None:
    models = FakeModels()
    config = {"inputName": "memo", "acceptedFormats": ["mp3", ".WAV"]}
    found = await output("audioInput", config, services=fake_services(models=models), inputs={"memo": MEMO})
    assert (found["audio"], found["mediaType"], models.asked) == (MEMO, "audio/wav", [])


async def test_what_is_absent_or_of_another_format() -> None:
    error = await fail("audioInput", {"inputName": "memo"})
    assert (error.code, error.message) == ("INVALID_INPUT", "the recording 'memo' is missing")
    assert await output("audioInput", {"inputName": "memo", "required": False}) == {"audio": None}
    error = await fail("audioInput", {"acceptedFormats": ["flac"]}, inputs={"audio": MEMO})
    assert (error.code, "accepted are flac" in error.message) == ("INVALID_INPUT", True)
