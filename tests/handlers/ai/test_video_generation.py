"""The videoGeneration node: what is asked of the provider."""

from __future__ import annotations

from tests.fakes.models import FakeModels
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output


async def test_a_video_is_asked_for_and_kept() -> None:
    models = FakeModels()
    config = {"prompt": "a lamp", "duration": "8", "aspectRatio": "9:16", "model": "v"}
    found = await output("videoGeneration", config, services=fake_services(models=models))
    assert models.asked[0].options == {"seconds": "8", "size": "720x1280"}
    assert (found["videoId"], found["duration"], found["video"]["size"]) == ("v1", 4.0, 4)
    assert found["video"]["path"].startswith("videos/")


async def test_what_is_missing() -> None:
    assert "prompt: Required" in (await fail("videoGeneration", {"prompt": " "})).message
