"""Sandbox processes that are kept warm, one call at a time each, and killed at any moment. Knows no language.

Every process is started, written to and killed from one event loop; the operating system ends those whose parent dies.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass

from flowray.errors import ErrorCode, FlowrayError
from flowray.runtime.sandbox.worker import LENGTH

KEPT_IDLE_S = 60.0
"""How long a worker beyond the first waits for more work: each is some 20 MB."""

START_S = 60.0
"""How long a process may take to start. That is not the time of the call that it is started for."""

_MAIN = """
import json, sys
descriptor, memory_bytes, sys.path[:] = json.loads(sys.argv[1])
from flowray.runtime.sandbox.worker import serve
serve(descriptor, memory_bytes)
"""


class WorkerDiedError(Exception):
    """The process ended during a call, of memory or otherwise. Says with which exit code."""


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float = 0.0

    async def answer(self, request: bytes) -> bytes:
        self.writer.write(LENGTH.pack(len(request)) + request)
        await self.writer.drain()
        (length,) = LENGTH.unpack(await self.reader.readexactly(LENGTH.size))
        return await self.reader.readexactly(length)


class WorkerPool:
    """Up to ``most`` processes of ``memory_bytes`` each, started as they are needed. Calls queue for them in order."""

    def __init__(self, most: int, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._free = asyncio.Semaphore(most)
        self._idle: list[_Worker] = []
        self._workers: dict[int, _Worker] = {}
        self._killed: list[subprocess.Popen[bytes]] = []
        self._shrinking: asyncio.TimerHandle | None = None
        self._closed = False

    async def call(self, request: bytes, timeout_s: float) -> bytes:
        """The answer of a worker. Its time begins when one is free.

        Raises TimeoutError, WorkerDiedError, or FlowrayError RUNTIME_UNAVAILABLE once the pool is closed. Whoever is
        cancelled or runs out of time leaves no worker behind that is still busy.
        """
        async with self._free:
            worker = await self._taken()
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await worker.answer(request)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                self._kill(worker)
                raise WorkerDiedError(f"exit code {worker.process.wait()}") from error
            except BaseException:
                self._kill(worker)
                raise
            self._give_back(worker)
            return answer

    @property
    def pids(self) -> list[int]:
        """Of the processes there are now."""
        return sorted(self._workers)

    async def aclose(self) -> None:
        """Kill the workers and wait until they are gone. Safe to repeat."""
        self._closed = True
        if self._shrinking is not None:
            self._shrinking.cancel()
        for worker in list(self._workers.values()):
            self._kill(worker)
        self._idle.clear()
        for process in self._killed:
            process.wait()
        self._killed.clear()

    async def _taken(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.poll() is None:
                return worker
            self._kill(worker)
        if self._closed:
            raise FlowrayError(ErrorCode.RUNTIME_UNAVAILABLE, "the sandbox has been closed", retryable=True)
        return await self._started()

    async def _started(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = _start(theirs, self._memory_bytes)
        reader, writer = await asyncio.open_connection(sock=ours)
        worker = _Worker(process, reader, writer)
        self._workers[process.pid] = worker
        try:
            async with asyncio.timeout(START_S):
                await reader.readexactly(LENGTH.size)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            self._kill(worker)
            message = f"a sandbox process did not start (exit code {process.wait()})"
            raise FlowrayError(ErrorCode.RUNTIME_UNAVAILABLE, message, retryable=True) from error
        except BaseException:
            self._kill(worker)
            raise
        return worker

    def _give_back(self, worker: _Worker) -> None:
        if self._closed:
            self._kill(worker)
            return
        loop = asyncio.get_running_loop()
        worker.idle_since = loop.time()
        self._idle.append(worker)
        if len(self._workers) > 1 and self._shrinking is None:
            self._shrinking = loop.call_later(KEPT_IDLE_S, self._shrink)

    def _shrink(self) -> None:
        """Those taken last were used last, so the longest idle come first."""
        loop = asyncio.get_running_loop()
        self._shrinking = None
        while len(self._workers) > 1 and self._idle and loop.time() - self._idle[0].idle_since >= KEPT_IDLE_S:
            self._kill(self._idle.pop(0))
        if len(self._workers) > 1:
            self._shrinking = loop.call_later(KEPT_IDLE_S, self._shrink)

    def _kill(self, worker: _Worker) -> None:
        """At once. The process is looked after later: nobody waits for one that is being torn down."""
        self._workers.pop(worker.process.pid, None)
        worker.writer.close()
        worker.process.kill()
        self._killed = [process for process in self._killed if process.poll() is None]
        self._killed.append(worker.process)


def _start(theirs: socket.socket, memory_bytes: int) -> subprocess.Popen[bytes]:
    """From the very thread of the loop: the parent-death signal is that of the thread that has started a process."""
    arguments = json.dumps([theirs.fileno(), memory_bytes, [part for part in sys.path if part]])
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _MAIN, arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), env={},
    )  # fmt: skip


def usable_cpus() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
