"""Pictures as authors give them, as parts of a message in OpenAI's shape. Fetches nothing: the provider does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError

_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"))
_ADDRESSES = ("url", "dataUrl", "imageUrl", "src", "href")
_CONTENTS = ("base64", "data", "content", "fileData")


def image_parts(images: Any, detail: str | None = None) -> list[dict[str, Any]]:
    """One part per picture: an address, a data URL, base64 text, or an object that has one of these.

    Raises INVALID_NODE_CONFIG for anything else.
    """
    listed = images if isinstance(images, list) else [images]
    return [_part(image, detail) for image in listed if image not in (None, "")]


def _part(image: Any, detail: str | None) -> dict[str, Any]:
    url: dict[str, Any] = {"url": image_url(image)}
    chosen = (image.get("detail") if isinstance(image, Mapping) else None) or detail
    return {"type": "image_url", "image_url": {**url, "detail": chosen} if chosen else url}


def image_url(image: Any) -> str:
    """The address or data URL of one picture."""
    if isinstance(image, Mapping):
        given = image.get("image_url", image)
        if given is not image:
            return image_url(given)
        found = next((image[name] for name in _ADDRESSES if isinstance(image.get(name), str)), None)
        if found:
            return image_url(found)
        content = next((image[name] for name in _CONTENTS if isinstance(image.get(name), str)), None)
        if content:
            kind = image.get("mimeType") or image.get("mediaType") or image.get("fileType")
            return _data_url(content, kind if isinstance(kind, str) and "/" in kind else None)
    if isinstance(image, str):
        text = image.strip()
        return text if text.startswith(("http://", "https://", "data:")) else _data_url(text, None)
    raise _no_image(image)


def _data_url(content: str, kind: str | None) -> str:
    if content.startswith("data:"):
        return content
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_image(content) from error
    known = kind or next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if known is None:
        raise _no_image(content)
    return f"data:{known};base64,{base64.b64encode(data).decode()}"


def _no_image(image: Any) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG,
        f"this is no picture: {str(image)[:100]!r}",
        hint="give an http(s) address, a data URL, the base64 text of a picture, or an object with url or base64",
    )
