"""Pictures in all the ways in which authors give them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.ai.image_inputs import image_parts

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\nrest").decode()
DATA = f"data:image/png;base64,{PNG}"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://h/a.png", "https://h/a.png"),
        (DATA, DATA),
        (PNG, DATA),
        ({"url": "http://h/b"}, "http://h/b"),
        ({"image_url": {"url": "http://h/c"}}, "http://h/c"),
        ({"base64": PNG}, DATA),
        ({"fileName": "x", "fileType": "jpg", "fileData": PNG}, DATA),
        ({"content": PNG, "mimeType": "image/heic"}, f"data:image/heic;base64,{PNG}"),
        ({"data": DATA}, DATA),
    ],
)
def test_each_way_gives_an_address(given: Any, url: str) -> None:
    assert image_parts(given) == [{"type": "image_url", "image_url": {"url": url}}]


def test_lists_details_and_nothing() -> None:
    parts = image_parts(["http://h/a", "", {"url": "http://h/b", "detail": "high"}], "low")
    assert [part["image_url"] for part in parts] == [
        {"url": "http://h/a", "detail": "low"},
        {"url": "http://h/b", "detail": "high"},
    ]
    assert image_parts(None) == []


@pytest.mark.parametrize("given", ["{{image}}", "a lamp", 7, {"name": "x"}, base64.b64encode(b"noise").decode()])
def test_what_is_no_picture_is_refused(given: Any) -> None:
    with pytest.raises(FlowrayError) as caught:
        image_parts(given)
    assert caught.value.code == "INVALID_NODE_CONFIG"
    assert "this is no picture" in caught.value.message
