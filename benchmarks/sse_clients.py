"""Clients that read many event streams at once and do nothing else until all have ended: what came, and when.

They share the processors with the server, so that reading is one note per chunk, and parsing comes afterwards.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measuring import JsonObject

_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Frame:
    """One frame of a stream: when its last byte came (µs since the epoch), its event, and its data."""

    at_us: int
    event: str
    data: JsonObject


class Recorder(asyncio.Protocol):
    """Sends one request and notes each chunk of the answer with its time. ``ended`` is done when it is over."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.chunks: list[tuple[int, bytes]] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note it."""
        self.chunks.append((time.time_ns() // 1000, data))

    def connection_lost(self, exc: Exception | None) -> None:
        """The answer is over."""
        if not self.ended.done():
            self.ended.set_result(None)


def post_request(url: str, body: Mapping[str, Any]) -> bytes:
    """A POST that asks for an event stream, after which the server is to close the connection."""
    content = json.dumps(body).encode()
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def record(url: str, body: Mapping[str, Any]) -> Recorder:
    """Open a stream; it is recorded until it ends."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, recorder = await loop.create_connection(lambda: Recorder(post_request(url, body)), parts.hostname, parts.port)
    return recorder


def frames(recorder: Recorder) -> Iterator[Frame]:
    """The frames of a chunked answer, in order. Raises ValueError for another answer."""
    text = b""
    for at_us, piece in _pieces(recorder):
        text += piece
        *whole, text = text.split(b"\n\n")
        for block in whole:
            fields = dict(line.split(": ", 1) for line in block.decode().splitlines() if ": " in line)
            if "event" in fields:
                yield Frame(at_us, fields["event"], json.loads(fields["data"]))


def _pieces(recorder: Recorder) -> Iterator[tuple[int, bytes]]:
    """The body as it came, without the framing of HTTP's chunks: each with the time of the chunk's last byte."""
    buffer, in_body = b"", False
    for at_us, data in recorder.chunks:
        buffer += data
        if not in_body:
            head, found, rest = buffer.partition(_END_OF_HEAD)
            if not found:
                continue
            if b" 200 " not in head.partition(b"\r\n")[0] or b"chunked" not in head.lower():
                raise ValueError(f"not an event stream in chunks: {buffer[:300]!r}")
            buffer, in_body = rest, True
        while (size_end := buffer.find(b"\r\n")) >= 0:
            size = int(buffer[:size_end], 16)
            end = size_end + 2 + size
            if len(buffer) < end + 2:
                break
            yield at_us, buffer[size_end + 2 : end]
            buffer = buffer[end + 2 :]
