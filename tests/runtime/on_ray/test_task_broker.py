"""Attempts as Ray tasks of the broker: what they say, how they end, how they are stopped. Starts no Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

import pytest
from ray.exceptions import RayError, WorkerCrashedError

from flowray.engine import stimuli as st
from flowray.handlers.handler import Cancellation
from flowray.handlers.node_task import NodeTask
from flowray.runtime.on_ray import task_broker
from flowray.runtime.on_ray.task_broker import AsTasks, is_long

TASK = NodeTask(execution_id="e1", instance="a", node_id="a", node_type="t", attempt=1)
BEGUN = st.AttemptStarted(ts=1, instance="a", attempt=1)
SAID = st.TokensProduced(ts=2, instance="a", attempt=1, stream_id="s", offset=0, text="hi", tokens=1)
DONE = st.AttemptSucceeded(ts=3, instance="a", attempt=1)


class Broker:
    """Its tasks report what the test says; ``cancelled`` are those that were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *reports: Any) -> None:
        self.cancelled: list[bool] = []
        self.said: list[Any] = []
        self.cancellation = Cancellation()
        monkeypatch.setattr(task_broker, "submit", lambda *_: self._reports(reports))
        monkeypatch.setattr(task_broker.ray, "cancel", lambda _, force: self.cancelled.append(force))
        self.perform = partial(AsTasks(cast(Any, None)).perform, TASK, self.said.append, self.cancellation)

    async def _reports(self, reports: Any) -> AsyncIterator[Any]:
        for report in reports:
            yield self._one(report)

    async def _one(self, report: Any) -> Any:
        if isinstance(report, RayError):
            raise report
        if report is None:
            await asyncio.Event().wait()
        return [("e1", stimulus) for stimulus in report]


async def test_what_a_task_says_is_passed_on_and_its_end_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(monkeypatch, [BEGUN], [SAID, DONE])
    assert await broker.perform() == DONE
    assert (broker.said, broker.cancelled) == ([BEGUN, SAID], [])


@pytest.mark.parametrize(
    ("reports", "reason"),
    [((WorkerCrashedError(),), "its Ray task failed: WorkerCrashedError"), (([BEGUN],), "ended without a result")],
)
async def test_r39_a_task_whose_process_dies_is_lost(
    monkeypatch: pytest.MonkeyPatch, reports: tuple[Any, ...], reason: str
) -> None:
    lost = await Broker(monkeypatch, *reports).perform()
    assert isinstance(lost, st.AttemptLost)
    assert reason in lost.reason


async def test_r49_a_task_that_is_cancelled_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(monkeypatch, [BEGUN], None)
    performing = asyncio.ensure_future(broker.perform())
    for _ in range(10):
        await asyncio.sleep(0)
    assert broker.said == [BEGUN]
    broker.cancellation.cancel()
    assert isinstance(await performing, st.AttemptLost)
    assert broker.cancelled == [True]


@pytest.mark.parametrize(("timeout_ms", "expected"), [(None, True), (60_001, True), (60_000, False)])
def test_r38_long_is_what_may_take_over_a_minute(timeout_ms: int | None, expected: bool) -> None:
    task = NodeTask(execution_id="e1", instance="a", node_id="a", node_type="t", attempt=1, timeout_ms=timeout_ms)
    assert is_long(task) is expected
