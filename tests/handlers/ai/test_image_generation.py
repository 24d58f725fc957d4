"""The imageGeneration node: what is asked of the provider."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowray.handlers.providers.fake_media import png
from tests.fakes.models import USAGE, FakeModels
from tests.fakes.services import fake_services
from tests.handlers.running import fail, succeed

LAMP = base64.b64encode(png("lamp", 2, 2)).decode()


async def test_a_prompt_is_drawn() -> None:
    models = FakeModels()
    config = {"prompt": "{{wish}}", "size": "8x8", "quality": "hd", "style": "vivid", "provider": "openai"}
    result = await succeed("imageGeneration", config, services=fake_services(models=models), inputs={"wish": "a lamp"})
    asked = models.asked[0]
    assert (asked.prompt, asked.options) == ("a lamp", {"size": "8x8", "quality": "hd", "style": "vivid"})
    found: Any = result.output
    assert (found["operation"], found["metadata"]["count"], found["usage"]["cost"]) == ("generate", 1, 0.5)
    assert found["images"][0]["path"].startswith("images/")
    assert result.usage == USAGE


@pytest.mark.parametrize(
    ("config", "sources", "prompt"),
    [
        ({"sourceImage": LAMP, "prompt": "make it red"}, 1, "make it red"),
        ({"sourceImage": LAMP, "operation": "upscale"}, 1, "Enlarge this picture"),
        ({"image": LAMP, "styleReference": LAMP, "operation": "styleTransfer"}, 2, "Redraw the first picture"),
    ],
)
async def test_pictures_are_changed(config: dict[str, Any], sources: int, prompt: str) -> None:
    models = FakeModels()
    await succeed("imageGeneration", {**config, "style": "vivid"}, services=fake_services(models=models))
    asked = models.asked[0]
    assert (len(asked.sources), asked.options) == (sources, {})
    assert asked.prompt.startswith(prompt)


async def test_what_is_missing() -> None:
    assert "prompt: Required" in (await fail("imageGeneration", {"size": "8x8"})).message
    error = await fail("imageGeneration", {"operation": "upscale", "prompt": "x"})
    assert "sourceImage: Required to upscale" in error.message
