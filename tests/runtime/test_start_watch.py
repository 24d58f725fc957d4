"""R14: an attempt that nothing begins in its time is called back; one that has begun, or is held back, is not."""

from __future__ import annotations

from typing import Any

from flowray.engine import stimuli as st
from flowray.handlers.node_task import NodeTask
from flowray.persistence.writes.limits import SaveLimit
from flowray.runtime.limiting import LimitedExecutor
from flowray.runtime.start_watch import StartWatch
from flowray.runtime.timers import Timers
from tests.engine.plans import PlanMaker
from tests.runtime.harness import OWNER, SILENT, START_MS, Desk
from tests.runtime.workflows import compiled


def silent(**fields: Any) -> Desk:
    """``a`` has been dispatched, and nobody says anything."""
    desk = Desk({"a": SILENT})
    desk.start(PlanMaker().node("a", **fields).build())
    return desk


def begins(desk: Desk, attempt: int) -> None:
    desk.driver.post("e1", st.AttemptStarted(ts=desk.clock.now, instance="a", attempt=attempt))
    desk.settle()


def test_r14_what_nothing_begins_is_stopped_dispatched_again_and_fails_with_the_reason() -> None:
    desk = silent(start_timeout_ms=500)
    desk.tick(499)
    assert desk.executor.stopped == []
    for _ in range(3):
        desk.tick(500)
    assert desk.executor.stopped == [("e1", "a", attempt) for attempt in (1, 2, 3)]
    assert {task.idempotency_key for task in desk.executor.tasks} == {"e1:a:1"}
    assert desk.row().status == "failed"
    assert desk.row().error is not None
    assert desk.row().error["code"] == "NODE_TIMEOUT"
    assert desk.row().error["message"] == (
        "Attempt 3 of 'a' did not start: nothing began it within its startTimeoutMs of 500: a is in nobody's hands"
    )


def test_r14_what_begins_the_second_time_goes_on() -> None:
    desk = silent(start_timeout_ms=500)
    desk.tick(500)
    begins(desk, 2)
    desk.tick(60_000)
    desk.answer("a", "done")
    assert desk.row().outputs == {"a": "done"}
    assert desk.executor.stopped == [("e1", "a", 1)]


def test_r14_without_a_start_timeout_an_attempt_may_wait_for_ever() -> None:
    desk = silent()
    desk.tick(10**9)
    assert (desk.executor.stopped, desk.row().status) == ([], "running")


def test_r14_an_answer_before_its_start_was_told_is_enough() -> None:
    desk = silent(start_timeout_ms=500)
    desk.answer("a", "done")
    desk.tick(500)
    assert (desk.row().outputs, desk.executor.stopped) == ({"a": "done"}, [])


def test_r14_what_has_begun_while_the_driver_slept_is_not_called_back() -> None:
    """Its word lay in the queue when the timer was looked at."""
    desk = silent(start_timeout_ms=500)
    desk.clock.now += 5_000
    begins(desk, 1)
    assert desk.executor.stopped == []


def test_r14_nothing_is_kept_of_an_execution_that_is_cancelled() -> None:
    desk = silent(start_timeout_ms=500)
    desk.driver.post("e1", st.CancelRequested(ts=START_MS))
    desk.settle()
    desk.tick(500)
    assert desk.row().status == "cancelled"
    assert desk.driver._attempts.starts._watched == {}


def test_r14_the_time_of_an_attempt_that_waits_for_a_named_limit_does_not_run() -> None:
    desk = Desk({"in": {}, "a": SILENT, "b": SILENT})
    desk.store.commit([SaveLimit(name="api", concurrency=1)])
    limited = LimitedExecutor(OWNER, desk.executor, desk.journal, desk.driver, desk.clock)
    desk.driver._attempts.executor = desk.driver._attempts.limits = limited
    node = {"type": "http", "config": {"url": "http://x"}, "limits": ["api"], "startTimeoutMs": 500}
    desk.start(compiled({"in": {"type": "input"}, "a": node, "b": node}, "in -> a", "in -> b"))
    begins(desk, 1)
    desk.tick(60_000)
    assert (desk.executor.instances, desk.executor.stopped) == (["in", "a"], [])
    desk.answer("a", {})
    assert desk.executor.instances == ["in", "a", "b"]
    desk.tick(500)
    assert desk.executor.stopped == [("e1", "b", 1)]


def test_only_its_own_timers_mean_anything_to_it() -> None:
    timers = Timers()
    watch = StartWatch(timers, lambda: START_MS)
    task = NodeTask(execution_id="e1", instance="a", node_id="a", node_type="http", start_timeout_ms=7)
    watch.dispatched([task], None)
    assert timers.pop_due(START_MS + 7) == [("e1", "start:1:a")]
    assert watch.overdue("e1", "guard:1:a") is None
    assert watch.overdue("e1", "start:2:a") is None
    assert watch.overdue("e1", "start:1:a") == task
    assert watch.overdue("e1", "start:1:a") is None
