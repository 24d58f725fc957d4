"""The contract of ``vision``: pictures that a server is shown, and one that it draws."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode
from flowray.handlers.providers.fake_media import png
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has

LAMP = base64.b64encode(png("lamp", 4, 4)).decode()


def _saw(picture: str, prompt: str) -> Any:
    return lambda text: text.startswith(f"You asked: {prompt}") and f"a picture {picture}" in text


def _cases(_url: str) -> Sequence[Case]:
    look = {"imageInput": "https://h/a.png", "prompt": "What is it?"}
    return [
        Case("a picture by its address", look, has(analysis=_saw("544a61b4", "What is it?"), operation="analyze")),
        Case("another one", {**look, "imageInput": "https://h/b.png"}, has(text=_saw("a623280b", "What is it?"))),
        Case("base64, unasked", {"image": LAMP}, has(analysis=_saw("d43a5165", "Describe this image in detail"))),
        Case("a drawn one", {"operation": "generate", "prompt": "a lamp", "size": "8x8"},
             has(images=lambda images: len(images) == 1 and images[0]["mediaType"] == "image/png")),
        Case("none", {"prompt": "What is it?"}, has(code=ErrorCode.INVALID_NODE_CONFIG), fails=True),
        Case("a provider that is down", {**look, "model": "fake-500"}, has(code=ErrorCode.PROVIDER_ERROR), fails=True),
    ]  # fmt: skip


CONTRACTS = [Contract("vision", AGAINST, asking(_cases))]
