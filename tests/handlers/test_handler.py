"""The contract's own pieces: cancellation, results, defaults."""

from __future__ import annotations

import asyncio

from flowray.errors import ErrorCode
from flowray.handlers.handler import Cancellation, NodeResult, system_now_ms
from tests.fakes.services import node_input


async def test_cancellation_wakes_who_waits_and_stays() -> None:
    cancellation = Cancellation()
    waiting = asyncio.create_task(cancellation.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not cancellation.is_cancelled
    cancellation.cancel()
    await waiting
    await cancellation.wait()
    assert cancellation.is_cancelled


def test_a_failure_is_a_result() -> None:
    result = NodeResult.failure(
        ErrorCode.HTTP_STATUS, "no", retryable=True, retry_after_ms=5, details={"a": 1}, hint="h"
    )
    assert (result.success, result.data) == (False, None)
    assert result.error is not None
    assert (result.error.code, result.error.retry_after_ms, result.error.details) == ("HTTP_STATUS", 5, {"a": 1})


def test_a_handler_may_stream_and_log_where_nobody_listens() -> None:
    node = node_input({})
    node.emit_token("x")
    node.log("x", level="debug", a=1)
    assert system_now_ms() > 1_700_000_000_000
