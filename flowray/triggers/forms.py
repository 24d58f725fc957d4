"""Forms as values: URL-encoded ones, and those of several parts, with files. Bounded; not a parser of mail."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterable, Iterator
from email.errors import MessageError
from email.message import Message
from email.parser import HeaderParser
from typing import Any
from urllib.parse import parse_qsl

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import Json, decode_json

URL_ENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

MAX_FIELDS = 1_000
"""Fields and files of one form; what sends more means harm, or should send JSON."""

_MAX_HEAD_BYTES = 8 * 1024
_MAX_BOUNDARY_CHARS = 70

_COSTLY = frozenset({"idna", "punycode"})
"""Charsets whose decoding takes the square of the length."""


def form_fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Fields by name; one that stands several times is a list."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def url_encoded(text: str) -> dict[str, Any]:
    """The fields of an URL-encoded form. Raises BODY_TOO_LARGE for too many."""
    try:
        return form_fields(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise _too_many() from error


def multipart(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields of a form of several parts: texts; values where a part says that it is JSON; files as
    ``{filename, content_type, size}`` with ``text`` if their bytes are some, else ``base64``.

    Raises MALFORMED_BODY for what is no such form, BODY_TOO_LARGE for too many parts.
    """
    return form_fields(_field(_head(head), content) for head, content in _parts(_boundary(content_type), body))


def is_json(kind: str) -> bool:
    """A media type of JSON."""
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def text_or_bytes(kind: str, charset: str, content: bytes) -> str | dict[str, str]:
    """Text, in its charset if it is of a type of texts and else in UTF-8; ``{base64}`` for what is none."""
    charset = charset if kind.startswith("text/") else "utf-8"
    try:
        if codecs.lookup(charset).name not in _COSTLY:
            text = content.decode(charset)
            text.encode()  # some charsets know halves of surrogate pairs, which nothing carries on
            return text
    except (UnicodeError, LookupError):
        pass
    return {"base64": base64.b64encode(content).decode()}


# -- parts --------------------------------------------------------------------------------------------------------


def _boundary(content_type: str) -> bytes:
    boundary = _as_message(f"Content-Type: {content_type}").get_boundary()
    if not boundary or len(boundary) > _MAX_BOUNDARY_CHARS or not boundary.isascii():
        raise _malformed("its type names no boundary")
    return boundary.encode()


def _parts(boundary: bytes, body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Head and content of each part, in order. What stands before the first one and after the last one is left out."""
    line = b"\r\n--" + boundary
    _before, *pieces = (b"\r\n" + body).split(line, MAX_FIELDS + 2)
    if not pieces:
        raise _malformed("its boundary does not come")
    for number, piece in enumerate(pieces):
        if piece.startswith(b"--"):
            return
        if number >= MAX_FIELDS:
            raise _too_many()
        padding, found, part = piece.partition(b"\r\n")
        if not found or padding.strip(b" \t"):
            raise _malformed("a boundary is not alone on its line")
        head, found, content = (b"\r\n" + part).partition(b"\r\n\r\n")
        if not found or len(head) > _MAX_HEAD_BYTES:
            raise _malformed("a part has no head, or a very long one")
        yield head, content
    raise _malformed("it ends before its last boundary")


def _head(head: bytes) -> Message:
    try:
        return _as_message(head.removeprefix(b"\r\n").decode())
    except (UnicodeDecodeError, MessageError) as error:
        raise _malformed("the head of a part cannot be read") from error


def _as_message(text: str) -> Message:
    return HeaderParser().parsestr(text, headersonly=True)


def _field(head: Message, content: bytes) -> tuple[str, Json]:
    name = head.get_param("name", header="content-disposition")
    if head.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise _malformed("a part has no name")
    kind, charset = head.get_content_type(), head.get_content_charset() or "utf-8"
    filename = head.get_filename()
    if filename is not None:
        return _unescaped(name), _file(_unescaped(filename), kind, text_or_bytes(kind, charset, content), content)
    if is_json(kind):
        try:
            return _unescaped(name), decode_json(content)
        except (ValueError, RecursionError):  # kept as text, as a body that calls itself JSON and is none
            pass
    return _unescaped(name), text_or_bytes(kind, charset, content)


def _file(filename: str, kind: str, read: str | dict[str, str], content: bytes) -> Json:
    stored = {"text": read} if isinstance(read, str) else read
    return {"filename": filename, "content_type": kind, "size": len(content), **stored}


def _unescaped(name: str) -> str:
    """What browsers escape in names of fields and files."""
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _malformed(why: str) -> FlowrayError:
    return FlowrayError(ErrorCode.MALFORMED_BODY, f"the body is no form of several parts: {why}")


def _too_many() -> FlowrayError:
    return FlowrayError(
        ErrorCode.BODY_TOO_LARGE, f"a form has at most {MAX_FIELDS:,} fields", hint="send JSON instead of a form"
    )
