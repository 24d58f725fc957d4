"""The audio node of older definitions does what one of the two others does."""

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
    ("config", "has"),
    [
        ({"operation": "tts", "textInput": "hello"}, "audio"), ({"text": "hello"}, "audio"),
        ({"operation": "transcribe", "audioInput": MEMO}, "text"), ({"mode": "stt", "audioFile": MEMO}, "text"),
    ],
)  # fmt: skip
async def test_either_way(config: dict[str, Any], has: str) -> None:
    found = await output("audio", config, services=fake_services(models=FakeModels()))
    assert has in found


async def test_what_is_wrong() -> None:
    assert (await fail("audio", {"operation": "sing"})).code == "INVALID_NODE_CONFIG"
    error = await fail("audio", {"operation": "tts"}, services=fake_services(models=FakeModels()))
    assert (error.code, "textInput" in error.message) == ("INVALID_NODE_CONFIG", True)
