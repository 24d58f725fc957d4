"""The audioOutput node: what is asked of the provider."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.fakes.models import FakeModels
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output


@pytest.mark.parametrize(
    ("config", "voice", "options"),
    [
        ({"textInput": "hello"}, "alloy", {}),
        ({"input": "hello", "voice": "onyx", "speed": 2}, "onyx", {"speed": 2}),
        ({"text": "hello", "voice": {"id": "nova"}, "instructions": "softly"}, "nova", {"instructions": "softly"}),
    ],
)
async def test_the_request(config: dict[str, Any], voice: str, options: dict[str, Any]) -> None:
    models = FakeModels()
    found = await output("audioOutput", config, services=fake_services(models=models))
    asked = models.asked[0]
    assert (asked.text, asked.voice, asked.options, asked.audio_format) == ("hello", voice, options, "mp3")
    assert (found["voice"], found["audio"]["mediaType"], "base64" in found["audio"]) == (voice, "audio/mpeg", False)
    assert found["audio"]["path"].startswith("audio/")


@pytest.mark.parametrize("config", [{"returnFormat": "base64"}, {"returnAsUrl": False}])
async def test_base64_if_it_is_asked_for(config: dict[str, Any]) -> None:
    services = fake_services(models=FakeModels())
    found = await output("audioOutput", {"textInput": "hello", **config}, services=services)
    assert base64.b64decode(found["audio"]["base64"]) == b"ID3hello"


async def test_what_is_wrong() -> None:
    assert "textInput: Required" in (await fail("audioOutput", {"textInput": "  "})).message
    assert (await fail("audioOutput", {"textInput": "x", "speed": 9})).code == "INVALID_NODE_CONFIG"
