"""The vision node against a scripted model."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.handlers.ai.vision import DESCRIBE, READ
from flowray.handlers.services import ChatChunk
from tests.fakes.models import FakeModels
from tests.fakes.services import ScriptedChat, fake_services
from tests.handlers.running import fail, output, succeed

LAST = ChatChunk(finish_reason="stop", usage=Usage(7, 2, "m"), model="m", provider="p")


@pytest.mark.parametrize(
    ("config", "question"),
    [
        ({"imageInput": "{{pic}}", "prompt": "Broken?"}, "Broken?"), ({"image": "{{pic}}"}, DESCRIBE),
        ({"imageUrl": "{{pic}}", "operation": "ocr"}, READ),
    ],
)  # fmt: skip
async def test_a_picture_is_shown_with_a_question(config: dict[str, Any], question: str) -> None:
    chat = ScriptedChat([ChatChunk("a "), ChatChunk("lamp"), LAST])
    result = await succeed("vision", config, services=fake_services(chat=chat), inputs={"pic": "https://h/a"})
    asked = chat.asked[0]
    assert asked.messages == [
        {
            "role": "user",
            "content": [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": "https://h/a"}}],
        }
    ]
    assert asked.max_tokens == 1_000
    found: Any = result.output
    assert (found["analysis"], found["text"], found["provider"], found["model"]) == ("a lamp", "a lamp", "p", "m")
    assert (found["usage"]["totalTokens"], found["metadata"]["images"], result.usage) == (9, 1, Usage(7, 2, "m"))


async def test_it_draws() -> None:
    models = FakeModels()
    config = {"operation": "generate", "prompt": "a lamp", "size": "8x8", "outputFormat": "base64", "n": 2}
    found = await output("vision", config, services=fake_services(models=models))
    assert models.asked[0].options == {"size": "8x8", "n": 2}
    assert found["images"][0]["revisedPrompt"] == "revised a lamp"
    assert "base64" in found["images"][0]


async def test_what_is_missing() -> None:
    assert "imageInput: Required" in (await fail("vision", {"prompt": "x"})).message
    assert "prompt: Required" in (await fail("vision", {"operation": "generate"})).message
