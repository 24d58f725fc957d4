"""The real sandbox: warm worker processes that can be killed at any moment. Evaluates nothing by itself (R27)."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

from pebble import ProcessExpired, ProcessPool

from flowray.errors import ErrorCode, FlowrayError
from flowray.runtime.sandbox.evaluation import (
    Outcome,
    SandboxLimits,
    confine,
    evaluate_javascript,
    evaluate_jsonata,
)
from flowray.runtime.sandbox.results import check_length, failed, timed_out, value_of
from flowray.values import Json, encode_json

GRACE_MS = 200
"""How much later than the bounds inside the process the kill comes: a clean error is cheaper than a new process."""

_starting = threading.Lock()


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hide ``__main__`` while a process is spawned.

    A spawned child imports its parent's main module again: in a Ray worker that is a second of imports, in a script
    without a guard it runs the script twice. The sandbox needs nothing from it.
    """
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


class _BareProcess(SpawnProcess):
    """A spawned process that does not import its parent's main module."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 - the name is multiprocessing's
        with _without_main_module():
            return SpawnProcess._Popen(process_obj)


class _BareContext(SpawnContext):
    """Spawn, never fork: a lane has threads, and a forked copy of their locks hangs."""

    Process = _BareProcess


class ProcessSandbox:
    """A pool of ``workers`` processes, started at first use and kept warm. One for each lane is enough by default.

    A worker that overruns its time is killed and replaced; so is one that dies, of memory or otherwise. Workers die
    with the thread of the first call, so use a sandbox from one long-lived event loop. A call costs about 0.5 ms.
    """

    def __init__(self, *, workers: int = 1, limits: SandboxLimits | None = None) -> None:
        self._workers = workers
        self._limits = limits or SandboxLimits()
        self._pool: ProcessPool | None = None

    async def jsonata(self, expression: str, data: Json, bindings: Mapping[str, Json], timeout_ms: int) -> Json:
        """As Sandbox says; safe to call concurrently, calls queue for the workers."""
        check_length("JSONata", expression, self._limits)
        arguments = (expression, encode_json(data), encode_json(dict(bindings)), timeout_ms, self._limits.output_bytes)
        return await self._run("JSONata", expression, evaluate_jsonata, arguments, timeout_ms)

    async def javascript(self, function: str, arguments: Sequence[Json], timeout_ms: int) -> Json:
        """As Sandbox says; safe to call concurrently, calls queue for the workers."""
        check_length("JavaScript", function, self._limits)
        # A quarter of the process's memory for the engine: the text going in and out needs room too.
        given = (
            function, encode_json(list(arguments)), timeout_ms, self._limits.memory_bytes // 4,
            self._limits.output_bytes,
        )  # fmt: skip
        return await self._run("JavaScript", function, evaluate_javascript, given, timeout_ms)

    async def _run(
        self,
        language: str,
        expression: str,
        function: Callable[..., Outcome],
        arguments: tuple[Any, ...],
        timeout_ms: int,
    ) -> Json:
        future = self._started().schedule(function, args=arguments, timeout=(timeout_ms + GRACE_MS) / 1000)
        try:
            # A cancelled caller cancels the future, and with it pebble kills the worker.
            outcome = await asyncio.wrap_future(future)
        except FutureTimeout as error:
            raise timed_out(language, expression, timeout_ms) from error
        except ProcessExpired as error:
            raise failed(
                language, expression, f"the sandbox process died (exit code {error.exitcode}); out of memory?"
            ) from error
        return value_of(outcome, language, expression, timeout_ms, self._limits)

    def _started(self) -> ProcessPool:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self._workers,
                initializer=confine,
                initargs=(self._limits.memory_bytes,),
                context=_BareContext(),
            )
        if not self._pool.active:
            raise FlowrayError(
                ErrorCode.RUNTIME_UNAVAILABLE, "the sandbox has been closed or cannot start its workers", retryable=True
            )
        return self._pool

    async def aclose(self) -> None:
        """Kill the workers and wait until they are gone. Safe to repeat."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()  # 0.1 s, and no executor: those take nothing more once the interpreter exits
