"""Answers as bytes: JSON with the house's headers, JSON lines, event streams. No knowledge of what is answered."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import encode_json

logger = logging.getLogger(__name__)

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
JSON_LINES = "application/jsonl"

STREAM_HEADERS = {
    "Cache-Control": "no-cache",
    # nginx and its kin would hold frames back until a buffer is full.
    "X-Accel-Buffering": "no",
}


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``body`` (JSON-able) as the answer. Answers change at any time, so caches must ask again."""
    return Response(encode_json(body), status, {"Cache-Control": "no-store", **(headers or {})}, media_type=JSON)


class ClosingStream(StreamingResponse):
    """Closes its generator when the reader has gone, instead of leaving that to the garbage collector."""

    def __init__(
        self, texts: AsyncGenerator[str | bytes, None], headers: Mapping[str, str], media_type: str, status: int = 200
    ) -> None:
        super().__init__(texts, status, headers, media_type)
        self._texts = texts

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._texts):
            try:
                await super().stream_response(send)
            except OSError:
                # How servers say that nobody listens any more: the end of a stream, not an error of the app.
                logger.debug("the reader of a stream has gone")


def event_stream(frames: AsyncGenerator[str, None], headers: Mapping[str, str] | None = None) -> Response:
    """A server-sent event stream."""
    return ClosingStream(frames, {**STREAM_HEADERS, **(headers or {})}, EVENT_STREAM)


def json_lines(lines: AsyncGenerator[str, None]) -> Response:
    """One JSON value per line."""
    return ClosingStream(lines, STREAM_HEADERS, JSON_LINES)


def accepts(request: Request, media_type: str) -> bool:
    """True if the Accept header names ``media_type`` itself (wildcards do not count)."""
    return media_type in _accepted(request)


def chosen_type(request: Request, offered: tuple[str, ...]) -> str:
    """The first type of the Accept header that is among ``offered``; a wildcard or no header means the first offered.

    Raises NOT_ACCEPTABLE.
    """
    accepted = _accepted(request)
    if not accepted:
        return offered[0]
    for name in accepted:
        if name in offered:
            return name
        if name == "*/*" or (name.endswith("/*") and any(kind.startswith(name[:-1]) for kind in offered)):
            return next(kind for kind in offered if name == "*/*" or kind.startswith(name[:-1]))
    raise FlowrayError(
        ErrorCode.NOT_ACCEPTABLE,
        f"none of {', '.join(accepted)[:200]} can be answered",
        hint=f"accept {' or '.join(offered)}",
    )


def _accepted(request: Request) -> list[str]:
    """Media types by falling quality, in order where equal."""
    ranked = []
    for index, part in enumerate(request.headers.get("accept", "").split(",")):
        name, _, parameters = part.partition(";")
        quality = 1.0
        for parameter in parameters.split(";"):
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                quality = _number(value)
        if name.strip() and quality > 0:
            ranked.append((-quality, index, name.strip().lower()))
    return [name for _, _, name in sorted(ranked)]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0
