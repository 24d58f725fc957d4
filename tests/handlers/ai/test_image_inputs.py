"""Pictures in all the ways in which authors give them."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.ai.image_inputs import image_parts
from flowray.handlers.providers.fake_media import speech
from tests.fakes.services import fake_services, node_input
from tests.fakes.workspace import MemoryWorkspace

PICTURE = b"\x89PNG\r\n\x1a\nrest"
PNG = base64.b64encode(PICTURE).decode()
DATA = f"data:image/png;base64,{PNG}"
NODE = node_input({}, services=fake_services(files=MemoryWorkspace({"a/b.png": PICTURE}, "")))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://h/a.png", "https://h/a.png"),
        (DATA, DATA),
        (PNG, DATA),
        ("a/b.png", DATA),
        ({"url": "http://h/b"}, "http://h/b"),
        ({"image_url": {"url": "http://h/c"}}, "http://h/c"),
        ({"base64": PNG}, DATA),
        ({"fileName": "x", "fileType": "png", "fileData": PNG}, DATA),
        ({"content": PNG, "mimeType": "image/heic"}, f"data:image/heic;base64,{PNG}"),
        ({"path": "a/b.png", "mediaType": "image/png"}, DATA),
    ],
)
async def test_each_way_gives_an_address(given: Any, url: str) -> None:
    assert await image_parts(NODE, given) == [{"type": "image_url", "image_url": {"url": url}}]


async def test_lists_details_and_nothing() -> None:
    parts = await image_parts(NODE, ["http://h/a", "", {"url": "http://h/b", "detail": "high"}], "low")
    assert [part["image_url"] for part in parts] == [
        {"url": "http://h/a", "detail": "low"},
        {"url": "http://h/b", "detail": "high"},
    ]
    assert await image_parts(NODE, None) == []


@pytest.mark.parametrize("given", ["{{image}}", 7, {"name": "x"}, base64.b64encode(speech("x", "wav")).decode()])
async def test_what_is_no_picture_is_refused(given: Any) -> None:
    with pytest.raises(FlowrayError) as caught:
        await image_parts(NODE, given)
    assert caught.value.code == "INVALID_NODE_CONFIG"
    assert re.search("this is no picture|an object that means a file", caught.value.message)
