"""Pictures, sounds and videos between nodes and models: what authors give, and what models made. Asks no model."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput
from flowray.handlers.masking import mask_text
from flowray.handlers.model_calls import Medium
from flowray.handlers.services import HttpRequest
from flowray.handlers.workspace import MIB
from flowray.handlers.workspace_paths import as_workspace_path
from flowray.values import Json

LIMIT_BYTES = 25 * MIB
"""The largest file that is sent to a model: what OpenAI takes."""

INLINE_BYTES = 8 * MIB
"""The largest medium that an output holds as base64; the workspace takes larger ones."""

DOWNLOAD_MS = 60_000

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "image/png"), (0, b"\xff\xd8\xff", "image/jpeg"), (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"), (8, b"WAVE", "audio/wav"), (0, b"ID3", "audio/mpeg"), (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"), (0, b"fLaC", "audio/flac"), (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)  # fmt: skip
"""Where a format says what it is: offset, bytes, media type."""

_ENDINGS = {
    "mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4", "ogg": "audio/ogg", "opus": "audio/ogg",
    "flac": "audio/flac", "webm": "audio/webm", "mp4": "video/mp4", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
}  # fmt: skip

_INSIDE = ("audio", "image", "video", "file")
_PATHS = ("path", "filePath")
_URLS = ("url", "dataUrl", "fileUrl", "downloadUrl", "audioUrl", "imageUrl")
_CONTENTS = ("base64", "data", "content", "fileData")
_NAMES = ("fileName", "filename", "name")
_TYPES = ("mimeType", "mediaType", "contentType", "fileType")


async def read_medium(node: NodeInput, given: Json, what: str) -> Medium:
    """The file that ``given`` means: an http(s) address, a data URL, base64, a path of the workspace, or an object with
    one of these, such as other nodes put out. ``what`` it is stands in errors.

    Raises INVALID_NODE_CONFIG, NOT_FOUND, HTTP_STATUS, OUTPUT_TOO_LARGE, and as the transport does.
    """
    if isinstance(given, Mapping):
        return await _from_object(node, given, what)
    if isinstance(given, list) and len(given) == 1:
        return await read_medium(node, given[0], what)
    if not isinstance(given, str) or not given.strip():
        raise _wrong(what, given)
    text = given.strip()
    if text.startswith("data:"):
        return _from_data_url(text, what)
    if text.lower().startswith(("http://", "https://")):
        return await _downloaded(node, text, what)
    decoded = _decoded(text)
    if decoded is not None and (kind := media_type(decoded)) is not None:
        return _checked(Medium(decoded, kind), what)
    if "{{" in text or "\n" in text:
        raise _wrong(what, given)
    return await _from_workspace(node, text, what)


async def _from_object(node: NodeInput, given: Mapping[str, Any], what: str) -> Medium:
    inside = next((given[name] for name in _INSIDE if given.get(name)), None)
    if inside is not None:
        return await read_medium(node, inside, what)
    name, kind = _text(given, _NAMES), _text(given, _TYPES)
    if content := _text(given, _CONTENTS):
        data = None if content.startswith("data:") else _decoded(content)
        found = _from_data_url(content, what) if data is None else _checked(Medium(data, ""), what)
    elif path := _text(given, _PATHS):
        found = await _from_workspace(node, path, what)
    elif url := _text(given, _URLS):
        found = await read_medium(node, url, what)
    else:
        raise _wrong(what, sorted(given))
    declared = kind if "/" in kind else _ENDINGS.get(kind.lower())
    sniffed = media_type(found.content or b"", name or found.name)
    return Medium(found.content, declared or sniffed or found.media_type, found.url, name or found.name)


async def _downloaded(node: NodeInput, url: str, what: str) -> Medium:
    answer = await node.services.http.send(HttpRequest("GET", url, timeout_ms=DOWNLOAD_MS))
    if answer.status >= 400:
        raise FlowrayError(
            ErrorCode.HTTP_STATUS, f"{what}: GET {mask_text(url)} answered {answer.status} {answer.reason}".rstrip(),
            details={"status": answer.status}, retryable=answer.status in (408, 425, 429) or answer.status >= 500,
        )  # fmt: skip
    name = urlsplit(url).path.rpartition("/")[2]
    headers = {key.lower(): value for key, value in answer.headers.items()}
    declared = headers.get("content-type", "").split(";")[0].strip()
    kind = media_type(answer.content, name) or declared
    return _checked(Medium(answer.content, kind or "application/octet-stream", name=name), what)


async def _from_workspace(node: NodeInput, path: str, what: str) -> Medium:
    data = await node.services.files.read(node.files_of, as_workspace_path(path), limit_bytes=LIMIT_BYTES)
    name = path.rpartition("/")[2]
    return _checked(Medium(data, media_type(data, name) or "application/octet-stream", name=name), what)


def _from_data_url(text: str, what: str) -> Medium:
    head, comma, body = text.partition(",")
    if not comma:
        raise _wrong(what, text)
    kind = head.removeprefix("data:").split(";")[0]
    data = _decoded(body) if ";base64" in head else unquote_to_bytes(body)
    if data is None:
        raise _wrong(what, text)
    return _checked(Medium(data, kind or media_type(data) or "application/octet-stream"), what)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _checked(medium: Medium, what: str) -> Medium:
    size = len(medium.content or b"")
    if size > LIMIT_BYTES:
        raise FlowrayError(
            ErrorCode.OUTPUT_TOO_LARGE, f"{what} has {size} bytes; models are sent {LIMIT_BYTES} bytes at most",
            details={"bytes": size, "limit": LIMIT_BYTES}, hint="cut it into parts",
        )  # fmt: skip
    return medium


def media_type(data: bytes, name: str = "") -> str | None:
    """By the first bytes, else by the ending of the name."""
    for at, magic, kind in _MAGIC:
        if data[at : at + len(magic)] == magic:
            return kind
    return _ENDINGS.get(name.rpartition(".")[2].lower())


async def made_file(node: NodeInput, medium: Medium, what: str, *, inline: bool) -> dict[str, Json]:
    """A medium that a model made, as nodes put it out: ``{mediaType, size?, url?, path?, base64?}``. ``what`` names its
    folder.

    The bytes lie in the workspace under ``path``, where the lane has one; else, and with ``inline``, they stand in the
    output as ``base64``. ``url``: where the provider keeps it, for a while. Raises OUTPUT_TOO_LARGE for what no output
    can hold.
    """
    view: dict[str, Json] = {"mediaType": medium.media_type}
    if medium.url:
        view["url"] = medium.url
    if medium.content is None:
        return view
    view["size"] = len(medium.content)
    path = await _kept(node, medium, what)
    if path is not None:
        view["path"] = path
    if inline or path is None:
        if len(medium.content) > INLINE_BYTES:
            raise FlowrayError(
                ErrorCode.OUTPUT_TOO_LARGE,
                f"{what} has {len(medium.content)} bytes; an output holds {INLINE_BYTES} bytes at most",
                hint="configure a workspace for files, or ask for an address instead of base64",
            )
        view["base64"] = base64.b64encode(medium.content).decode()
    return view


async def _kept(node: NodeInput, medium: Medium, what: str) -> str | None:
    """The path in the workspace; None for a lane without one. The same bytes have the same path."""
    content = medium.content or b""
    ending = next((end for end, kind in _ENDINGS.items() if kind == medium.media_type), "bin")
    path = f"{what}/{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
    try:
        return (await node.services.files.write(node.files_of, as_workspace_path(path), content)).path
    except FlowrayError as error:
        if error.code is not ErrorCode.CONFIGURATION:
            raise
        return None


def _text(given: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((given[name] for name in names if isinstance(given.get(name), str) and given[name]), "")


def _wrong(what: str, given: Any) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG,
        f"this is no {what}: {str(given)[:100]!r}",
        hint="give an http(s) address, a data URL, base64, a path of the workspace, or an object with one of these",
    )
