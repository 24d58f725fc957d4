"""Pictures as authors give them, as parts of a message in OpenAI's shape."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.ai.media import read_medium
from flowray.handlers.handler import NodeInput


async def image_parts(node: NodeInput, images: Any, detail: str | None = None) -> list[dict[str, Any]]:
    """One part per picture: an address, which the provider fetches, a data URL, base64, a path of the workspace, or an
    object with one of these.

    Raises INVALID_NODE_CONFIG for anything else, and NOT_FOUND.
    """
    listed = images if isinstance(images, list) else [images]
    return [await _part(node, image, detail) for image in listed if image not in (None, "")]


async def _part(node: NodeInput, image: Any, detail: str | None) -> dict[str, Any]:
    url: dict[str, Any] = {"url": await _url(node, image)}
    chosen = (image.get("detail") if isinstance(image, Mapping) else None) or detail
    return {"type": "image_url", "image_url": {**url, "detail": chosen} if chosen else url}


async def _url(node: NodeInput, image: Any) -> str:
    given = image
    if isinstance(image, Mapping):
        given = image.get("image_url") or image.get("url") or image
        if given is not image:
            return await _url(node, given)
    if isinstance(given, str) and given.strip().lower().startswith(("http://", "https://", "data:")):
        return given.strip()
    medium = await read_medium(node, given, "picture")
    if not medium.media_type.startswith("image/"):
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, f"this is no picture: it is {medium.media_type}")
    return f"data:{medium.media_type};base64,{base64.b64encode(medium.content or b'').decode()}"
