"""A TCP proxy between clients and a server that breaks connections as networks do: reset, half-close, stall.

Runs on a thread with an event loop of its own. Knows bytes, not HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["reset", "half-close", "stall", "refuse", "none"]

BLOCK = 4_096


@dataclass(frozen=True)
class Fault:
    """What happens to one connection once the server has sent ``after`` bytes through it.

    ``reset`` (RST), ``half-close`` (FIN: the client sees an orderly end), ``stall`` (open, and silent for ever); or
    ``refuse``: it is reset before the server hears of it. What comes after ``after`` never arrives.
    """

    kind: Kind = "none"
    after: int = 0


WHOLE = Fault()
"""A connection to which nothing happens."""


class TcpProxy:
    """Each connection goes to the next of ``targets`` and meets the next of ``faults``; then ``last`` for all others.

    ``broken`` counts the faults that have happened, by kind.
    """

    def __init__(self, targets: Sequence[str], faults: Sequence[Fault], last: Fault = WHOLE) -> None:
        self._targets = itertools.cycle([(part.hostname, part.port) for part in map(urlsplit, targets)])
        self._faults = iter(faults)
        self._last = last
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.broken: dict[Kind, int] = {}
        self.connections = 0
        self.url = ""

    def serve(self, ready: threading.Event) -> None:
        """Accept connections until ``stop``; the body of the proxy's thread."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        server.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def stop(self) -> None:
        """Drop everything."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._connect(client, to_client)
        finally:
            self._tasks.discard(task)
            to_client.transport.abort()

    async def _connect(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        fault = next(self._faults, self._last)
        if fault.kind == "refuse":
            self._note(fault)
            _reset(to_client)
            return
        host, port = next(self._targets)
        server, to_server = await asyncio.open_connection(host, port)
        upward = asyncio.ensure_future(_copy(client, to_server))
        try:
            await self._downward(server, to_client, fault)
        finally:
            upward.cancel()
            to_server.transport.abort()

    async def _downward(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, fault: Fault) -> None:
        """Copy what the server sends, up to the fault."""
        left = fault.after
        while block := await server.read(BLOCK):
            if fault.kind != "none" and len(block) >= left:
                to_client.write(block[:left])
                await to_client.drain()
                await self._break(to_client, fault)
                return
            left -= len(block)
            to_client.write(block)
            await to_client.drain()
        to_client.write_eof()

    async def _break(self, to_client: asyncio.StreamWriter, fault: Fault) -> None:
        self._note(fault)
        if fault.kind == "reset":
            _reset(to_client)
        elif fault.kind == "half-close":
            to_client.write_eof()
            await asyncio.sleep(1)  # The client's side stays open, as behind a proxy that has lost its server.
        else:
            await asyncio.Event().wait()

    def _note(self, fault: Fault) -> None:
        self.broken[fault.kind] = self.broken.get(fault.kind, 0) + 1


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await source.read(BLOCK):
            target.write(block)
            await target.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets RST."""
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def proxied(targets: Sequence[str], faults: Sequence[Fault], last: Fault = WHOLE) -> Iterator[TcpProxy]:
    """A proxy in front of ``targets`` (base URLs) while the block lasts."""
    proxy, ready = TcpProxy(targets, faults, last), threading.Event()
    thread = threading.Thread(target=proxy.serve, args=(ready,), name="tcp-proxy", daemon=True)
    thread.start()
    assert ready.wait(60), "the proxy did not start"
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)
