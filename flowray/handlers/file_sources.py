"""Where a node's file comes from: the workspace, a folder that may be read, a data URL, base64, or a download.

Whatever else a path or an address could reach is refused: a node never reads the machine's own files.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.file_types import media_type
from flowray.handlers.handler import NodeInput
from flowray.handlers.masking import mask_text
from flowray.handlers.node_config import text_of
from flowray.handlers.services import HttpRequest
from flowray.handlers.workspace import MIB, above_limit
from flowray.handlers.workspace_paths import as_file_name, as_workspace_path
from flowray.values import Json

DOCUMENT_BYTES = 50 * MIB
"""The largest document that a node reads, unless its type says otherwise."""

FILE_HELP = (
    "A path in the workspace, a data URL, an http(s) address, {fileName, fileType, base64 | url | path}, or a list."
)
"""What a config field says that names files."""

FILE_SPELLINGS = ("path", "filePath", "document", "source", "fileData", "url", "input", "inputData")
"""How real definitions call the field ``file``."""

RETRYABLE_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
MAX_SOURCES = 100

_PATH = ("path", "filePath")
_BASE64 = ("base64", "fileData", "buffer")
_URL = ("url", "fileUrl", "downloadUrl")
_NAME = ("fileName", "filename", "name")
_TYPE = ("fileType", "mimeType", "mimetype", "contentType", "type")
_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.ASCII)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


@dataclass(frozen=True)
class Source:
    """A file that was read. ``path``: where it lies in the workspace, if it does."""

    name: str
    media_type: str
    data: bytes
    path: str | None = None


async def read_sources(node: NodeInput, value: Json, *, limit_bytes: int = DOCUMENT_BYTES) -> list[Source]:
    """One file or several: a list, or what a ``files`` node has put out. Raises as ``read_source`` does."""
    if isinstance(value, Mapping) and isinstance(value.get("files"), list):
        value = value["files"]
    given = value if isinstance(value, list) else [value]
    if not given or len(given) > MAX_SOURCES:
        raise _wrong(f"one to {MAX_SOURCES} files are expected, and {len(given)} are given")
    return [await read_source(node, one, limit_bytes=limit_bytes) for one in given]


async def read_source(node: NodeInput, value: Json, *, limit_bytes: int = DOCUMENT_BYTES) -> Source:
    """The file that ``value`` means: a path in the workspace, a data URL, an ``http(s)`` URL, or an object
    ``{fileName, fileType, path | base64 | url | content}``.

    Raises INVALID_NODE_CONFIG, NOT_FOUND, FORBIDDEN, FILE_LIMIT_EXCEEDED, and what a download raises.
    """
    if isinstance(value, Mapping):
        return await _from_object(node, value, limit_bytes)
    if not isinstance(value, str) or not value.strip():
        shown = "nothing" if value in (None, "") else f"a {type(value).__name__}"
        raise _wrong(f"a file is expected, and {shown} is given")
    text = value.strip()
    if text.startswith("data:"):
        return _from_data_url(text, limit_bytes)
    if text.lower().startswith(("http://", "https://")):
        return await download(node, text, limit_bytes=limit_bytes)
    if _SCHEME.match(text):
        raise FlowrayError(
            ErrorCode.FORBIDDEN, f"files are not read from {text.partition(':')[0]}: addresses",
            hint="give a path of the workspace, a data URL or an http(s) address",
        )  # fmt: skip
    return await _from_path(node, text, limit_bytes)


async def download(
    node: NodeInput, url: str, *, limit_bytes: int, timeout_ms: int = 60_000, follow_redirects: bool = True
) -> Source:
    """What an address answers, through the lane's transport and its rules.

    Raises as the transport does, HTTP_STATUS for a status of 400 or above, FILE_LIMIT_EXCEEDED.
    """
    request = HttpRequest("GET", url, timeout_ms=timeout_ms, follow_redirects=follow_redirects)
    response = await node.services.http.send(request)
    if response.status >= 400 or (response.status >= 300 and follow_redirects is False):
        answered = f"GET {mask_text(response.url)} answered {response.status} {response.reason}".rstrip()
        raise FlowrayError(
            ErrorCode.HTTP_STATUS, answered, details={"status": response.status},
            retryable=response.status in RETRYABLE_STATUS,
        )  # fmt: skip
    _check_size(len(response.content), limit_bytes, "the download")
    headers = {key.lower(): item for key, item in response.headers.items()}
    name = _name_of_answer(headers.get("content-disposition", ""), response.url)
    return Source(name, media_type(name, headers.get("content-type", ""), response.content), response.content)


async def _from_object(node: NodeInput, value: Mapping[str, Any], limit: int) -> Source:
    name, declared = _first(value, _NAME), _first(value, _TYPE)
    if path := _first(value, _PATH):
        found = await _from_path(node, path, limit)
    elif encoded := _first(value, _BASE64) or _encoded_data(value):
        if encoded.startswith("data:"):
            found = _from_data_url(encoded, limit)
        else:
            found = Source(name, "", _decoded(encoded, limit))
    elif url := _first(value, _URL):
        found = await read_source(node, url, limit_bytes=limit)
    elif isinstance(value.get("content"), str):
        data = value["content"].encode()
        _check_size(len(data), limit, "the file")
        found = Source(name, "text/plain" if not declared and not name else "", data)
    else:
        raise _wrong("an object that means a file has a path, base64, url or content", sorted(value)[:20])
    name = name or found.name or "file"
    return Source(name, media_type(name, declared or found.media_type, found.data), found.data, found.path)


async def _from_path(node: NodeInput, text: str, limit: int) -> Source:
    data, path = await node.services.read_roots.read(text, limit_bytes=limit), None
    if data is None:
        path = as_workspace_path(text)
        data = await node.services.files.read(node.files_of, path, limit_bytes=limit)
    name = text.rstrip("/").rpartition("/")[2]
    return Source(name, media_type(name, "", data), data, path)


def _from_data_url(text: str, limit: int) -> Source:
    """RFC 2397."""
    match = _DATA_URL.match(text)
    if match is None:
        raise _wrong(f"a data URL has a comma before its data: {text[:40]!r}")
    rest = text[match.end() :]
    # Three bytes of percent-encoding for one, or four characters for three bytes: longer ones cannot be within it.
    _check_size(len(rest) // 4, limit, "the data URL")
    data = _decoded(rest, limit) if ";base64" in match[2] else unquote_to_bytes(rest)
    _check_size(len(data), limit, "the data URL")
    name = next((unquote(part[5:]) for part in match[2].split(";") if part.startswith("name=")), "")
    return Source(name, media_type(name, match[1] or "text/plain", data), data)


def _decoded(text: str, limit: int) -> bytes:
    # Line breaks count here and not below: nobody breaks lines so often that it matters.
    _check_size(len(text) // 2, limit, "the file")
    try:
        data = base64.b64decode("".join(text.split()).replace("-", "+").replace("_", "/") + "==", validate=False)
    except (binascii.Error, ValueError) as error:
        raise _wrong(f"the data of the file is no base64: {text[:20]!r}…") from error
    _check_size(len(data), limit, "the file")
    return data


def _encoded_data(value: Mapping[str, Any]) -> str:
    data = value.get("data")
    return data if isinstance(data, str) else ""


def _first(value: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return next((text_of(value[key]) for key in keys if isinstance(value.get(key), str) and value[key]), "")


def _name_of_answer(disposition: str, url: str) -> str:
    """RFC 6266, as far as real servers use it; else the end of the address."""
    extended = re.search(r"filename\*\s*=\s*(?:UTF-8|ISO-8859-1)?'[^']*'([^;]+)", disposition, re.IGNORECASE)
    plain = re.search(r'filename\s*=\s*(?:"([^"]*)"|([^;]+))', disposition, re.IGNORECASE)
    if extended:
        return as_file_name(unquote(extended[1].strip()))
    if plain:
        return as_file_name((plain[1] or plain[2] or "").strip())
    return as_file_name(unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2] or "download")


def _check_size(size: int, limit: int, what: str) -> None:
    if size > limit:
        raise above_limit(what, size, limit, "use a smaller file, or a part of it")


def _wrong(message: str, found: Json = None) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG, message, details={} if found is None else {"found": found},
        hint="a file is a path of the workspace, a data URL, an http(s) address, "
        "or {fileName, fileType, path | base64 | url}",
    )  # fmt: skip
