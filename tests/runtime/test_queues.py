"""Owners and queues: what an orchestrator starts, gives up, ends and takes up where executions wait for each other."""

from __future__ import annotations

import threading
import time
from typing import Any

import msgspec
import pytest

from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import InsertInbox
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.plan import plan_to_json
from flowray.runtime.queues import QueueWatch
from tests.engine.plans import PlanMaker
from tests.runtime.harness import SILENT, START_MS, Clock, House, cancel_row, record_of, sleeping, succeeded

ONE = PlanMaker().node("a").build()
TWO = PlanMaker().chain("a", "b").build()


class Station:
    """A house whose executions stand in a queue of one slot."""

    def __init__(self, script: Any = None, **limits: Any) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        changes = limits or {"max_concurrent": 1}
        self.store.commit([ConfigureQueue(name="q", changes=changes, ts=START_MS)])
        self.house = House(self.store, self.clock, "o1", script)
        self.house.sweep()

    def start(self, *execution_ids: str, plan: Any = ONE, **fields: Any) -> None:
        for number, execution_id in enumerate(execution_ids):
            values = {"owner_id": None, "queue": "q", "queued_at": START_MS, "queue_order": START_MS + number}
            record = record_of(plan, execution_id, **(values | fields))
            if record.not_before is not None:
                record = msgspec.structs.replace(record, status="delayed")
            self.house.orchestrator.insert_and_start([record], plan_to_json(plan))
        self.house.settle()

    def next(self) -> None:
        """What the sweep's thread does once it hears of a free slot."""
        self.house.orchestrator._take_next(admit_only=True)
        self.house.settle()

    def row(self, execution_id: str) -> ExecutionRecord:
        found = self.store.execution_by_id(execution_id)
        assert found is not None
        return found

    def statuses(self, *execution_ids: str) -> list[str]:
        return [self.row(execution_id).status for execution_id in execution_ids]

    def log(self, execution_id: str) -> list[str]:
        return [event.type for event in self.store.events.read(execution_id)]


# -- starts -------------------------------------------------------------------------------------------------------


def test_who_finds_no_slot_waits_and_starts_when_one_comes_free() -> None:
    station = Station({"a": SILENT})
    station.start("e1", "e2", "e3")
    assert station.statuses("e1", "e2", "e3") == ["running", "queued", "queued"]
    assert [task.execution_id for task in station.house.executor.tasks] == ["e1"]
    _finish(station, "e1")
    assert station.row("e1").status == "completed"
    station.next()
    assert station.statuses("e2", "e3") == ["running", "queued"]
    assert station.row("e2").epoch == 1
    assert station.log("e2")[0] == "execution.started"


def _finish(station: Station, execution_id: str) -> None:
    task = next(task for task in station.house.executor.tasks if task.execution_id == execution_id)
    station.house.orchestrator.driver.post(execution_id, succeeded(task))
    station.house.settle()


def test_the_end_of_one_that_holds_a_slot_is_heard_at_once() -> None:
    station = Station({"a": "done"})
    nudges = station.house.orchestrator._queues.nudges(60)
    station.start("e1")
    assert next(nudges) is False
    assert station.row("e1").status == "completed"


def test_a_wait_gives_up_the_slot_with_its_own_commit() -> None:
    """No slot is held from the moment the wait is committed, though it goes on by itself in a few seconds."""
    station = Station({"a": lambda task: sleeping(task, START_MS + 5_000)})
    station.start("e1", plan=TWO)
    row = station.row("e1")
    assert (row.status, row.owner_id, row.wake_at) == ("waiting", None, START_MS + 5_000)
    station.start("e2")
    assert station.row("e2").status in ("running", "waiting")


def test_a_wait_of_no_queue_with_limits_stays_where_it_is() -> None:
    station = Station({"a": lambda task: sleeping(task, START_MS + 60_000)})
    station.start("e1", plan=TWO, queue="other")
    assert station.row("e1").owner_id == "o1"


def test_who_goes_on_after_a_wait_needs_a_slot_and_comes_before_new_ones() -> None:
    script: dict[str, Any] = {"a": lambda task: sleeping(task, START_MS + 5_000)}
    station = Station(script)
    station.start("e1", plan=TWO)
    script["a"] = SILENT
    station.start("e2", "e3")
    station.clock.now += 6_000
    station.next()
    assert station.statuses("e1", "e2", "e3") == ["waiting", "running", "queued"]
    _finish(station, "e2")
    station.next()
    assert station.statuses("e1", "e2", "e3") == ["completed", "completed", "queued"]


# -- ends before a start ------------------------------------------------------------------------------------------


def test_a_queued_execution_is_cancelled_without_having_started() -> None:
    """Scenario 58."""
    station = Station({"a": SILENT})
    station.start("e1", "e2")
    station.store.commit([InsertInbox(record=cancel_row("e2", data={"reason": "no"}))])
    station.house.orchestrator.wake(["e2"])
    station.house.settle()
    assert (station.row("e2").status, station.row("e2").cancel_reason) == ("cancelled", "no")
    assert station.log("e2") == ["execution.cancelling", "execution.cancelled"]
    assert [task.execution_id for task in station.house.executor.tasks] == ["e1"]


def test_a_delayed_execution_starts_late_rather_than_early_and_can_be_cancelled() -> None:
    station = Station({"a": SILENT})
    station.start("e1", "e2", queue="free", not_before=START_MS + 5_000)
    assert station.statuses("e1", "e2") == ["delayed", "delayed"]
    station.store.commit([InsertInbox(record=cancel_row("e2"))])
    station.clock.now += 4_999
    station.house.sweep()
    assert station.statuses("e1", "e2") == ["delayed", "cancelled"]
    station.clock.now += 1
    station.house.sweep()
    assert station.statuses("e1") == ["running"]


def test_one_that_is_not_started_in_time_expires_with_one_event() -> None:
    station = Station({"a": SILENT})
    station.start("e1", "e2", expires_at=START_MS + 1_000)
    station.clock.now += 1_000
    station.house.sweep()
    assert station.statuses("e1", "e2") == ["running", "expired"]
    assert station.log("e2") == ["execution.expired"]
    row = station.row("e2")
    assert (row.ended_at, row.owner_id, row.started_at) == (START_MS + 1_000, None, None)
    station.house.sweep()
    assert station.log("e2") == ["execution.expired"]


def test_a_cancellation_that_comes_before_the_word_of_the_expiry_wins() -> None:
    station = Station(max_concurrent=0)
    station.start("e1", expires_at=START_MS + 1_000)
    station.clock.now += 1_000
    station.house.orchestrator.sweep()
    station.store.commit([InsertInbox(record=cancel_row("e1"))])
    station.house.settle()
    assert station.row("e1").status == "cancelled"


def test_a_paused_queue_keeps_new_ones_until_it_is_resumed() -> None:
    station = Station({"a": SILENT}, paused=True)
    station.start("e1")
    station.house.sweep()
    assert station.statuses("e1") == ["queued"]
    station.store.commit([ConfigureQueue(name="q", changes={"paused": False}, ts=START_MS)])
    station.house.sweep()
    assert station.statuses("e1") == ["running"]


# -- the watch ----------------------------------------------------------------------------------------------------


def test_the_watch_ends_its_wait_at_the_next_time_that_something_is_due() -> None:
    store = MemoryStore(lambda: int(time.time() * 1_000))
    watch = QueueWatch(store, store.now_ms)
    due_at = store.now_ms() + 30
    watch.left_waiting(ExecutionRecord(id="e", status="delayed", plan_hash="p", not_before=due_at))
    assert next(watch.nudges(60)) is True
    assert store.now_ms() >= due_at


def test_the_watch_is_woken_and_says_nothing_when_its_time_is_over() -> None:
    watch = QueueWatch(MemoryStore(), lambda: 0)
    threading.Timer(0.01, watch.wake).start()
    assert next(watch.nudges(60)) is False
    assert list(watch.nudges(0.01)) == []


@pytest.mark.parametrize(
    ("fields", "limited"), [({"queue": "q"}, True), ({"queue": "r"}, False), ({"queue": "q", "parent_id": "p"}, False)]
)
def test_the_watch_knows_which_executions_hold_slots_that_others_want(fields: dict[str, Any], limited: bool) -> None:
    store = MemoryStore()
    store.commit([ConfigureQueue(name="q", changes={"max_per_key": 1}, ts=1)])
    watch = QueueWatch(store, store.now_ms)
    watch.look()
    assert watch.is_limited(record_of(ONE, **fields)) is limited
    store.commit([ConfigureQueue(name="global", changes={"max_concurrent": 9}, ts=1)])
    watch.look()
    assert watch.is_limited(record_of(ONE, **fields)) is ("parent_id" not in fields)
