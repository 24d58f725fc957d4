"""The contract of ``imageGeneration``: real pictures, drawn and changed."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from flowray.errors import ErrorCode
from flowray.handlers.providers.fake_media import png
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has

LAMP = f"data:image/png;base64,{base64.b64encode(png('lamp', 4, 4)).decode()}"


def _pictures(size: tuple[int, int], count: int = 1) -> Callable[[Any], bool]:
    def check(images: Any) -> bool:
        opened = [Image.open(io.BytesIO(base64.b64decode(image["base64"]))) for image in images]
        return [image.size for image in opened] == [size] * count

    return check


def _cases(url: str) -> Sequence[Case]:
    drawn = {"prompt": "a lamp", "size": "16x8", "outputFormat": "base64"}
    changed = {"sourceImage": LAMP, "operation": "upscale", "size": "8x8", "outputFormat": "base64"}
    return [
        Case("a picture", drawn, has(images=_pictures((16, 8)), operation="generate", model="fake-model")),
        Case("two", {**drawn, "n": 2, "size": "8x4"}, has(images=_pictures((8, 4), 2))),
        Case("a changed one", changed, has(images=_pictures((8, 8)), operation="upscale")),
        Case("what cannot be fetched", {"sourceImage": f"{url}/v1/nothing.png"},
             has(code=ErrorCode.HTTP_STATUS), fails=True),
        Case("nothing to draw", {"size": "8x8"}, has(code=ErrorCode.INVALID_NODE_CONFIG), fails=True),
    ]  # fmt: skip


CONTRACTS = [Contract("imageGeneration", AGAINST, asking(_cases))]
