"""Calls in the real process: results, errors, and ends by time, memory, crash and cancelling."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.reading import ReadOptions, read_document
from flowray.runtime.sandbox.killable_processes import KillableProcesses

MINUTE_MS = 60_000


@pytest.fixture
async def process() -> AsyncIterator[KillableProcesses]:
    made = KillableProcesses(workers=1, memory_bytes=1024**3)
    yield made
    await made.aclose()
    await made.aclose()


def spin() -> None:
    while True:
        pass


def take(size: int) -> int:
    return len(bytearray(size))


def die() -> None:
    os._exit(3)


def fail() -> None:
    raise ValueError("odd")


async def code_of(
    process: KillableProcesses, function: Callable[..., Any], *arguments: Any, ms: int = MINUTE_MS
) -> str:
    with pytest.raises(FlowrayError) as raised:
        await process.call(function, *arguments, timeout_ms=ms)
    return str(raised.value.code)


async def test_a_document_is_read_elsewhere(process: KillableProcesses) -> None:
    assert (await process.call(read_document, "txt", b"hello", ReadOptions()))["text"] == "hello"
    assert await process.call(os.getpid) != os.getpid()
    with pytest.raises(FlowrayError) as raised:
        await process.call(read_document, "pdf", b"no", ReadOptions())
    assert raised.value.code == ErrorCode.UNSUPPORTED_FORMAT


async def test_whatever_a_document_does_ends_and_the_next_call_works(process: KillableProcesses) -> None:
    assert await code_of(process, spin, ms=200) == ErrorCode.NODE_TIMEOUT
    assert await code_of(process, take, 4 * 1024**3) == ErrorCode.FILE_LIMIT_EXCEEDED
    assert await code_of(process, die) == ErrorCode.FILE_LIMIT_EXCEEDED
    assert await code_of(process, fail) == ErrorCode.NODE_FAILED
    assert await process.call(take, 10) == 10


async def test_a_cancelled_caller_frees_the_process(process: KillableProcesses) -> None:
    assert await process.call(take, 1) == 1
    spinning = asyncio.ensure_future(process.call(spin, timeout_ms=600_000))
    await asyncio.sleep(0)
    spinning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spinning
    assert await process.call(take, 2) == 2


async def test_nothing_of_the_environment_is_known_there(
    process: KillableProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_LANE", "x")
    assert await process.call(os.getenv, "SECRET_OF_THE_LANE") is None


async def test_a_closed_one_says_so(process: KillableProcesses) -> None:
    assert await process.call(take, 1) == 1
    assert process._pool is not None
    process._pool.stop()  # type: ignore[no-untyped-call]
    assert await code_of(process, take, 1) == ErrorCode.RUNTIME_UNAVAILABLE
