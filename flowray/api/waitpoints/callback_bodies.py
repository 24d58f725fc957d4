"""Bodies of callbacks: other systems post what they like, so whatever is readable becomes a value. See ``bodies``."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from flowray.api.http.bodies import check_carriable, content_type, read_value
from flowray.errors import ErrorCode, FlowrayError
from flowray.triggers.forms import MULTIPART, URL_ENCODED, multipart, url_encoded


async def read_callback(request: Request) -> Any:
    """JSON or YAML where it says so or looks like it; the fields of a form as an object, with its files; else text;
    null if empty.

    Raises MALFORMED_BODY for what says that it is JSON or a form and is not, UNSUPPORTED_FORMAT for what is no text at
    all, BODY_TOO_LARGE for a form of too many fields.
    """
    body, kind = await request.body(), content_type(request)
    if not body.strip():
        return None
    looks_like_json = body.lstrip()[:1] in (b"{", b"[")
    if kind == URL_ENCODED and not looks_like_json:
        return _carriable(url_encoded(_text(body)))
    if kind == MULTIPART:
        return _carriable(multipart(request.headers["content-type"], body))
    if kind.startswith("text/") and not kind.endswith("yaml") and not looks_like_json:
        return _carriable(_text(body))
    return await read_value(request)


def _carriable(value: Any) -> Any:
    check_carriable(b"\\ud", value)
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_FORMAT, "the body is no UTF-8 text", hint="send JSON, a form, or text in UTF-8"
        ) from error
