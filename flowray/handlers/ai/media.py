"""Pictures, sounds and videos between nodes and models: what authors give, and what models made. Asks no model."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.file_sources import Source, read_source
from flowray.handlers.handler import NodeInput
from flowray.handlers.model_calls import Medium
from flowray.handlers.workspace import MIB
from flowray.handlers.workspace_paths import as_workspace_path
from flowray.values import Json

LIMIT_BYTES = 25 * MIB
"""The largest file that is sent to a model: what OpenAI takes."""

INLINE_BYTES = 8 * MIB
"""The largest medium that an output holds as base64; the workspace takes larger ones."""

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
_CONTENTS = ("base64", "data", "content", "fileData")
_NAMES = ("fileName", "filename", "name")
_TYPES = ("mimeType", "mediaType", "contentType", "fileType")


async def read_medium(node: NodeInput, given: Json, what: str) -> Medium:
    """The file that ``given`` means: what ``read_source`` takes, the base64 text of a known format alone, or an object
    that other nodes put out, with the file in it. ``what`` it is stands in errors.

    Raises INVALID_NODE_CONFIG, NOT_FOUND, FORBIDDEN, FILE_LIMIT_EXCEEDED, HTTP_STATUS, and as the transport does.
    """
    if isinstance(given, list) and len(given) == 1:
        return await read_medium(node, given[0], what)
    if isinstance(given, Mapping):
        inside = next((given[name] for name in _INSIDE if given.get(name)), None)
        if inside is not None:
            return await read_medium(node, inside, what)
    found = _as_base64(given)
    if found is None:
        if not given or not isinstance(given, str | Mapping) or "{{" in given:
            raise _wrong(what, given)
        found = await read_source(node, given, limit_bytes=LIMIT_BYTES)
    declared = _text(given, _TYPES) if isinstance(given, Mapping) else ""
    kind = declared if "/" in declared else media_type(found.data, found.name) or found.media_type
    return Medium(found.data, kind, name=found.name)


def _as_base64(given: Json) -> Source | None:
    """What base64 says by itself, where its first bytes tell a known format; a path never does."""
    text = _text(given, _CONTENTS) if isinstance(given, Mapping) else given
    if not isinstance(text, str) or text.startswith("data:") or len(text) > LIMIT_BYTES * 4 // 3 + 4:
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    name = _text(given, _NAMES) if isinstance(given, Mapping) else ""
    kind = media_type(data)
    return None if kind is None else Source(name, kind, data)


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
