"""Bodies of callbacks: other systems post what they like, so whatever is readable becomes a value. See ``bodies``."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from flowray.api.bodies import check_carriable, content_type, read_value
from flowray.errors import ErrorCode, FlowrayError

_FORM = "application/x-www-form-urlencoded"


async def read_callback(request: Request) -> Any:
    """JSON or YAML where it says so or looks like it; the fields of a form as an object; else text; null if empty.

    Raises MALFORMED_BODY for what says that it is JSON and is not, UNSUPPORTED_FORMAT for what is no text at all.
    """
    body, kind = await request.body(), content_type(request)
    if not body.strip():
        return None
    looks_like_json = body.lstrip()[:1] in (b"{", b"[")
    if kind == _FORM and not looks_like_json:
        return _form(_text(body))
    if kind.startswith("text/") and not kind.endswith("yaml") and not looks_like_json:
        return _carriable(_text(body))
    return await read_value(request)


def _form(text: str) -> dict[str, Any]:
    """A field that comes more than once is a list."""
    fields: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return dict(_carriable(fields))


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
