"""An HTTP server that waits before each answer, as a process: says where it is, and ends with its standard input.

As little code as will do, for it shares the machine with what is measured: thousands of requests wait at once. It knows
GET without a body, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from urllib.parse import parse_qs, urlsplit

BACKLOG = 16_384
"""Connections that may wait to be taken; with fewer, a client's burst is told to come again a second later."""


def answer_to(target: bytes) -> tuple[float, bytes]:
    """``(seconds to wait, the response)`` for a request's target, as ``/slow?ms=1000&n=7``."""
    query = parse_qs(urlsplit(target.decode("ascii")).query)
    body = json.dumps({"n": query.get("n", [None])[0]}).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return int(query.get("ms", ["1000"])[0]) / 1_000, head.encode() + body


class Slow(asyncio.Protocol):
    """One connection, one request after the other."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request whose head is complete."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            seconds, response = answer_to(head.split(b" ", 2)[1])
            asyncio.get_running_loop().call_later(seconds, self._answer, response)

    def _answer(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


async def main() -> None:
    """Serve on a free port of 127.0.0.1."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(Slow, "127.0.0.1", 0, backlog=BACKLOG)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)

    def watch() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=watch, daemon=True).start()
    await over.wait()


if __name__ == "__main__":
    asyncio.run(main())
