"""The real KillableCalls: warm worker processes with bounded memory that can be killed at any moment."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.killable import KILLABLE_MS, guarded, out_of_memory, timed_out, workers
from flowray.runtime.sandbox.evaluation import confine

MEMORY_BYTES = 2 * 1024**3
"""Address space of one process: the largest document times what its parsed form takes, and the libraries."""

CALLS = 200
"""After so many a process is replaced: libraries for documents are known to keep things."""

RECURSION_LIMIT = 2_000
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

T = TypeVar("T")

_starting = threading.Lock()


class _BareProcess(SpawnProcess):
    """A spawned process that does not import its parent's main module."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - the name is multiprocessing's
        with _without_main_module():
            return SpawnProcess._Popen(process_obj)


class _BareContext(SpawnContext):
    """Spawn, never fork: a lane has threads, and a forked copy of their locks hangs."""

    Process = _BareProcess


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hide ``__main__`` while a process is spawned.

    A spawned child imports its parent's main module again: in a Ray worker that is a second of imports, in a script
    without a guard it runs the script twice. Nothing here needs anything from it.
    """
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


class KillableProcesses:
    """Processes started at the first call; one that overruns its time or memory is replaced. Use from one loop."""

    def __init__(self, *, workers: int = workers(), memory_bytes: int = MEMORY_BYTES) -> None:
        self._workers, self._memory_bytes = workers, memory_bytes
        self._pool: ProcessPool | None = None

    async def call(self, function: Callable[..., T], *arguments: Any, timeout_ms: int = KILLABLE_MS) -> T:
        """As KillableCalls says. The time counts from when a process begins, not while all are busy."""
        future = self._started().schedule(guarded, args=(function, arguments), timeout=timeout_ms / 1000)
        try:
            # A cancelled caller cancels the future, and with it pebble kills the worker.
            result: T = await asyncio.wrap_future(future)
        except FutureTimeout as error:
            raise timed_out(timeout_ms) from error
        except ProcessExpired as error:
            raise out_of_memory() from error
        return result

    def _started(self) -> ProcessPool:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self._workers, max_tasks=CALLS, initializer=prepare, initargs=(self._memory_bytes,),
                context=_BareContext(),
            )  # fmt: skip
        if not self._pool.active:
            raise FlowrayError(
                ErrorCode.RUNTIME_UNAVAILABLE, "the processes for documents have been closed", retryable=True
            )
        return self._pool

    async def aclose(self) -> None:
        """Kill the processes and wait until they are gone. Safe to repeat."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def prepare(memory_bytes: int) -> None:
    """As for the sandbox. Libraries for numbers would start a thread for each processor, with memory for each."""
    confine(memory_bytes)
    sys.setrecursionlimit(RECURSION_LIMIT)
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
