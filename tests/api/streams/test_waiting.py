"""Long polls wait for the end or a pause, and hold nothing back. R56."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from flowray.api.context import ApiContext
from flowray.api.streams.waiting import check_wait, wait_until_settled
from flowray.engine import events as ev
from flowray.errors import ErrorCode, FlowrayError
from tests.api.conftest import GREET
from tests.api.fake_directory import NOW_MS, FakeDirectory


@pytest.fixture
async def running(http: httpx.AsyncClient, directory: FakeDirectory) -> str:
    directory.on_start = lambda fake, record: fake.play(record.id, ev.ExecutionStarted(ts=NOW_MS))
    started: str = (await http.post("/v1/executions", json={"definition": GREET, "inputs": {"name": "A"}})).json()["id"]
    return started


async def test_it_returns_when_the_execution_ends(context: ApiContext, directory: FakeDirectory, running: str) -> None:
    waiting = asyncio.create_task(wait_until_settled(context, running, 30))
    await asyncio.sleep(0)
    directory.play(running, ev.ExecutionCompleted(ts=NOW_MS))
    record = await waiting
    assert record is not None
    assert record.status == "completed"
    assert directory.open_follows == 0


async def test_a_pause_that_is_over_does_not_count(context: ApiContext, directory: FakeDirectory, running: str) -> None:
    directory.play(running, ev.ExecutionPaused(ts=NOW_MS))
    directory.play(running, ev.ExecutionResumed(ts=NOW_MS), changes={"status": "running"})
    assert await wait_until_settled(context, running, 0.02) is None
    assert directory.open_follows == 0


async def test_no_time_means_a_look(context: ApiContext, directory: FakeDirectory, running: str) -> None:
    assert await wait_until_settled(context, running, 0) is None
    directory.play(running, ev.ExecutionPaused(ts=NOW_MS))
    record = await wait_until_settled(context, running, 0)
    assert record is not None
    assert record.status == "paused"


def test_bounds() -> None:
    check_wait(None, 60, streams=True)
    check_wait(60, 60, streams=False)
    for wait_s, streams in ((60.1, False), (-0.1, False), (float("nan"), False), (1, True)):
        with pytest.raises(FlowrayError) as caught:
            check_wait(wait_s, 60, streams)
        assert caught.value.code is ErrorCode.INVALID_REQUEST
