"""Request bodies: JSON or YAML text into values and models, every misfit named. Size is the middleware's business."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, TypeVar

import msgspec
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from flowray.api.http.error_responses import BodyError
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.documents import read_document
from flowray.errors import ErrorCode, FlowrayError

M = TypeVar("M", bound=BaseModel)

LARGE_BYTES = 256 * 1024
"""Longer bodies are parsed in a thread, so that other requests and streams go on."""

JSONL_TYPES = frozenset({"application/jsonl", "application/x-ndjson", "application/jsonlines"})
_YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/vnd.yaml"})
# What tools send when nobody said what the body is: curl -d, curl --data-binary @file, an editor's REST client.
_UNSAID_TYPES = frozenset({"", "application/x-www-form-urlencoded", "text/plain", "application/octet-stream"})

_SUSPICIOUS = re.compile(rb"\\u[dD]|[0-9]{19}")
"""Only such texts can hold what Python reads but the journal cannot carry: half surrogates, integers beyond 64 bits."""

_MAX_FINDINGS = 100


def content_type(request: Request) -> str:
    """Media type without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def body_format(request: Request) -> Literal["json", "yaml"] | None:
    """What the headers say the body is; None lets its first character decide. Raises UNSUPPORTED_FORMAT."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_FORMAT, f"bodies in Content-Encoding {encoding!r} are not read", hint="send it plain"
        )
    kind = content_type(request)
    if kind in _YAML_TYPES or kind.endswith("+yaml"):
        return "yaml"
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    if kind in _UNSAID_TYPES:
        return None
    raise FlowrayError(
        ErrorCode.UNSUPPORTED_FORMAT,
        f"bodies of type {kind[:100]!r} are not read",
        hint="send application/json or application/yaml",
    )


async def read_definition(request: Request) -> tuple[Any, Diagnostics]:
    """A definition's document, and what is wrong with its text beyond not being readable (repeated keys).

    Raises MALFORMED_BODY for text that cannot be read at all, BODY_TOO_LARGE beyond the bounds of documents.
    """
    found = Diagnostics()
    value = await _read_value(request, found)
    return value, found


async def read_model(request: Request, model: type[M]) -> M:
    """The body as ``model``; an empty body counts as ``{}``.

    Raises MALFORMED_BODY for text that cannot be read, INVALID_REQUEST (422) with a pointer for every misfit.
    """
    found = Diagnostics()
    value = await _read_value(request, found, empty={})
    if found.has_errors:
        raise _malformed(found)
    return as_model(value, model)


def as_model(value: Any, model: type[M]) -> M:
    """``value`` as ``model``. Raises INVALID_REQUEST (422) with a pointer for every misfit."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        findings = [
            {"pointer": pointer(*item["loc"]), "message": f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}"}
            for item in error.errors(include_url=False)[:_MAX_FINDINGS]
        ]
        raise BodyError(
            ErrorCode.INVALID_REQUEST, f"the body does not fit: {findings[0]['message']}", details={"errors": findings}
        ) from None


async def read_value(request: Request) -> Any:
    """The body as JSON or YAML, whatever it is; an empty one is null. Raises MALFORMED_BODY."""
    if not (await request.body()).strip():
        return None
    found = Diagnostics()
    value = await _read_value(request, found)
    if found.has_errors:
        raise _malformed(found)
    return value


async def read_lines(request: Request) -> list[Any]:
    """The values of a JSONL body, blank lines left out. Raises MALFORMED_BODY that names the line."""
    return [
        _line(number, line) for number, line in enumerate((await request.body()).split(b"\n"), start=1) if line.strip()
    ]


async def _read_value(request: Request, found: Diagnostics, empty: Any = None) -> Any:
    format_ = body_format(request)
    body = await request.body()
    if not body.strip():
        if empty is not None:
            return empty
        raise FlowrayError(ErrorCode.MALFORMED_BODY, "the body is empty", hint="send a JSON or YAML document")
    if len(body) > LARGE_BYTES:
        value = await run_in_threadpool(read_document, body, format_, found)
    else:
        value = read_document(body, format_, found)
    if value is None and found.has_errors:
        raise _malformed(found)
    check_carriable(body, value)
    return value


def check_carriable(text: bytes, value: Any) -> None:
    """Raises INVALID_REQUEST (422) for values that are JSON to Python but to hardly anybody else."""
    if not _SUSPICIOUS.search(text):
        return
    for place, part in _leaves(value):
        try:
            msgspec.msgpack.encode(part)
        except (OverflowError, ValueError, TypeError):
            what = "an integer beyond 64 bits" if isinstance(part, int) else "half of a surrogate pair"
            hint = "send such numbers as text" if isinstance(part, int) else "send whole characters, or leave it out"
            raise BodyError(
                ErrorCode.INVALID_REQUEST,
                f"the body holds {what} at {place or 'its top'}",
                details={"errors": [{"pointer": place, "message": what}]},
                hint=hint,
            ) from None


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while pending:
        path, part = pending.pop()
        if isinstance(part, dict):
            yield from ((pointer(*path), key) for key in part)
            pending.extend(((*path, key), item) for key, item in part.items())
        elif isinstance(part, list):
            pending.extend(((*path, index), item) for index, item in enumerate(part))
        elif isinstance(part, str | int):
            yield pointer(*path), part


def _line(number: int, line: bytes) -> Any:
    found = Diagnostics()
    value = read_document(line, "json", found)
    if found.has_errors:
        raise FlowrayError(ErrorCode.MALFORMED_BODY, f"line {number}: {found.errors()[0].message}")
    check_carriable(line, value)
    return value


def _malformed(found: Diagnostics) -> FlowrayError:
    first = found.errors()[0]
    too_large = first.code is DiagnosticCode.DOCUMENT_TOO_LARGE
    return FlowrayError(
        ErrorCode.BODY_TOO_LARGE if too_large else ErrorCode.MALFORMED_BODY,
        first.message,
        details={"diagnostics": found.as_json()},
        hint=first.hint,
    )
