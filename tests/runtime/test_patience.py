"""A database that is away for a moment delays an attempt and fails none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.runtime import patience
from flowray.runtime.patience import patiently


def failing(times: int, code: ErrorCode = ErrorCode.DATABASE_UNAVAILABLE) -> tuple[list[int], Callable[[], str]]:
    """Its calls so far, and what fails so often before it succeeds."""
    calls: list[int] = []

    def call() -> str:
        calls.append(len(calls))
        if len(calls) <= times:
            raise FlowrayError(code, "away", retryable=True)
        return "there"

    return calls, call


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_RETRY_S", 0.0)


async def test_it_is_tried_until_the_database_is_back() -> None:
    calls, call = failing(3)
    assert await patiently(call) == "there"
    assert len(calls) == 4


async def test_it_gives_up_in_the_end() -> None:
    calls, call = failing(1_000)
    with pytest.raises(FlowrayError) as caught:
        await patiently(call, patience_s=0.0)
    assert (caught.value.code, len(calls)) == (ErrorCode.DATABASE_UNAVAILABLE, 1)


async def test_any_other_error_is_none_of_its_business() -> None:
    calls, call = failing(1, ErrorCode.PAYLOAD_MISSING)
    with pytest.raises(FlowrayError, match="away"):
        await patiently(call)
    assert len(calls) == 1


async def test_an_attempt_that_is_stopped_waits_no_longer() -> None:
    called = threading.Event()

    def away() -> None:
        called.set()
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)

    waiting = asyncio.ensure_future(patiently(away))
    assert await asyncio.to_thread(called.wait, 60)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
