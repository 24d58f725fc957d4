"""Fetches web pages and makes readable text of them. Shared by the types that read the web."""

from __future__ import annotations

from email.message import Message
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.limits import ReadLimits
from flowray.handlers.documents.formats.page import read_html
from flowray.handlers.documents.formats.plain import decode
from flowray.handlers.documents.formats.reading import KINDS, ReadOptions, read_document
from flowray.handlers.file_types import kind_of
from flowray.handlers.handler import NodeInput
from flowray.handlers.services import HttpRequest
from flowray.handlers.workspace import MIB, above_limit

PAGE_BYTES = 10 * MIB
READING_MS = 30_000
_HEADERS = (("Accept", "text/html,application/xhtml+xml,text/*;q=0.9,*/*;q=0.5"), ("User-Agent", "flowray"))


async def fetch_page(
    node: NodeInput, url: str, *, timeout_ms: int, follow_redirects: bool = True, whole_page: bool = False
) -> dict[str, Any]:
    """``{url, status, contentType, title, description, text, markdown, links, metadata}`` of whatever the address
    answers, also with a status of 400 or above. ``url`` is the last one, after redirects.

    Raises as the transport does, FILE_LIMIT_EXCEEDED, UNSUPPORTED_FORMAT for what holds no text.
    """
    request = HttpRequest("GET", url, headers=_HEADERS, timeout_ms=timeout_ms, follow_redirects=follow_redirects)
    response = await node.services.http.send(request)
    if len(response.content) > PAGE_BYTES:
        raise above_limit("the page", len(response.content), PAGE_BYTES, "download it as a file")
    headers = {name.lower(): value for name, value in response.headers.items()}
    declared = headers.get("content-type", "")
    found: dict[str, Any] = {
        "url": response.url, "status": response.status, "contentType": declared, "title": "", "description": "",
        "text": "", "markdown": "", "links": [], "metadata": {},
    }  # fmt: skip
    kind = kind_of(response.url.partition("?")[0], declared, response.content)
    call = node.services.killable.call
    if kind == "html" or response.content.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        read = await call(
            read_html,
            response.content,
            _charset(declared),
            response.url,
            whole_page,
            ReadLimits(),
            timeout_ms=READING_MS,
        )
    elif kind in ("txt", "md", "json", None) and b"\0" not in response.content:
        text = decode(response.content, _charset(declared))
        read = {"text": text, "markdown": text}
    elif kind in KINDS:
        document = await call(read_document, kind, response.content, ReadOptions(), timeout_ms=READING_MS)
        read = {"text": document["text"], "markdown": document.get("markdown", document["text"])}
    else:
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_FORMAT, f"there is no text at this address, but {declared or 'bytes'}",
            hint="download it as a file",
        )  # fmt: skip
    return {**found, **read}


def _charset(content_type: str) -> str:
    message = Message()
    message["content-type"] = content_type or "text/plain"
    return message.get_content_charset() or ""
