"""Waitpoints between the engine and what is kept: tokens, rows, the race of an answer with its time, and resting."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.engine.signals import Pause, Signals, Wait
from flowray.engine.waitpoint_sources import token_hash
from flowray.handlers.node_task import NodeTask
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import InboxRecord, WaitpointRecord
from flowray.persistence.writes import AnyResult, Existing, Inserted, InsertInbox
from flowray.runtime.driver import NEAR_MS, REST_AFTER_MS
from flowray.runtime.waitpoints import (
    DEFAULT_TIMEOUT_MS,
    answer_row,
    expiry_row,
    key_of,
    prepared,
    stimulus_of,
    waitpoint_id,
)
from tests.engine.plans import PlanMaker
from tests.runtime.harness import Clock, Desk, House, sleeping, succeeded

ASKS = PlanMaker().chain("p", "b").build()


def asking(task: NodeTask, **fields: Any) -> st.AttemptSucceeded:
    return succeeded(task, signals=Signals(pause=Pause(reason="ok?", **fields)))


def put(store: MemoryStore, row: InboxRecord) -> AnyResult:
    return store.commit([InsertInbox(record=row)])[0]


def answer(store: MemoryStore, data: Any = "yes", row_id: str = "a1", execution_id: str = "e1") -> InboxRecord:
    return answer_row(row_id, execution_id, f"{execution_id}:p#1", data, now_ms=0)


def row(store: MemoryStore, its_id: str = "e1:p#1") -> WaitpointRecord:
    found = store.waitpoint(its_id)
    assert found is not None
    return found


# -- plain data ---------------------------------------------------------------------------------------------------


def test_r30_ids_follow_from_execution_and_key() -> None:
    assert waitpoint_id("e1", "L[0]/p#2") == "e1:L[0]/p#2"
    assert key_of("e1", "e1:L[0]/p#2") == "L[0]/p#2"
    assert key_of("e1", "e1:/go") == "/go"


def test_r30_a_token_has_128_random_bits_and_is_given_once() -> None:
    result = st.AttemptSucceeded(ts=0, instance="p", attempt=1, signals=Signals(pause=Pause(reason="r")))
    first, second = prepared(result), prepared(result)
    assert isinstance(first, st.AttemptSucceeded)
    assert isinstance(second, st.AttemptSucceeded)
    assert first.signals.pause is not None
    assert second.signals.pause is not None
    assert len(first.signals.pause.token) == 3 + 32
    assert first.signals.pause.token != second.signals.pause.token
    assert first.signals.pause.timeout_ms == DEFAULT_TIMEOUT_MS
    assert prepared(first) == first
    plain = st.AttemptSucceeded(ts=0, instance="p", attempt=1, signals=Signals(wait=Wait(until_ms=1)))
    assert prepared(plain) is plain


def test_rows_of_the_inbox_as_stimuli() -> None:
    row = answer_row("a", "e1", "e1:p#1", 5, now_ms=9, by="ann", variables={"x": 1})
    assert stimulus_of(row, 7) == st.WaitAnswered(ts=7, waitpoint="p#1", data=5, by="ann", variables={"x": 1})
    assert stimulus_of(expiry_row("e1", "p#1", 9), 7) == st.WaitExpired(ts=7, waitpoint="p#1")
    wanted = InboxRecord(id="i", execution_id="e1", kind="pause", data={"reason": "r"}, by="ann")
    assert stimulus_of(wanted, 7) == st.PauseRequested(ts=7, reason="r", by="ann")
    wanted = InboxRecord(id="i", execution_id="e1", kind="resume", data={"variables": {"x": 1}})
    assert stimulus_of(wanted, 7) == st.ResumeRequested(ts=7, variables={"x": 1})
    assert stimulus_of(InboxRecord(id="i", execution_id="e1", kind="cancel"), 7) is None


# -- with a driver ------------------------------------------------------------------------------------------------


def test_r30_the_row_stands_with_the_event_and_closes_with_the_answer() -> None:
    desk = Desk()
    desk.start(ASKS)
    desk.driver.post("e1", asking(desk.task("p"), prompt="Well?", expected_input={"type": "string"}))
    desk.settle()
    open_ = row(desk.store)
    assert (open_.status, open_.prompt, open_.expected_input, open_.node_id) == (
        "open",
        "Well?",
        {"type": "string"},
        "p",
    )
    assert open_.token_hash == token_hash(open_.token)
    assert open_.expires_at == desk.clock.now + DEFAULT_TIMEOUT_MS
    assert desk.row().waiting_for[0]["token"] == open_.token
    assert put(desk.store, answer(desk.store)) == Inserted(id="a1", status="paused")
    desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
    desk.settle()
    assert (row(desk.store).status, row(desk.store).data) == ("completed", "yes")
    desk.answer("b", "end")
    assert (desk.row().status, desk.row().outputs) == ("completed", {"b": "end"})


def test_r25_requests_that_change_nothing_are_marked_consumed() -> None:
    """Otherwise an execution that rests would be claimed for them again and again."""
    desk = Desk()
    desk.start(ASKS)
    desk.driver.post("e1", asking(desk.task("p")))
    desk.settle()
    last = desk.row().last_seq
    put(desk.store, InboxRecord(id="i1", execution_id="e1", kind="resume"))
    put(desk.store, answer_row("i2", "e1", "e1:ghost#1", 1, now_ms=0))
    desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
    desk.settle()
    assert (desk.store.inbox("e1"), desk.row().last_seq) == ([], last)


def test_a_request_that_changes_nothing_waits_for_the_commit_in_flight() -> None:
    desk = Desk(held=True)
    live = desk.start(ASKS)
    put(desk.store, InboxRecord(id="i1", execution_id="e1", kind="resume"))
    desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
    desk.settle()
    assert len(desk.journal.held) == 1
    desk.ack()
    assert len(desk.journal.held) == 1
    desk.ack()
    assert (desk.store.inbox("e1"), desk.journal.held, live.in_flight) == ([], [], [])


@pytest.mark.parametrize("answered_first", [True, False])
def test_r25_an_answer_that_was_accepted_beats_the_timer(answered_first: bool) -> None:
    desk = Desk()
    desk.start(ASKS)
    desk.driver.post("e1", asking(desk.task("p"), timeout_ms=5_000))
    desk.settle()
    if answered_first:
        put(desk.store, answer(desk.store))  # its wake-up is lost
    desk.tick(5_000)
    if answered_first:
        assert row(desk.store).status == "open"
        desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
        desk.settle()
        assert row(desk.store).status == "completed"
    else:
        assert (row(desk.store).status, desk.row().status) == ("timed_out", "failed")
        assert desk.row().errors[0]["code"] == "WAITPOINT_TIMEOUT"


def test_a_late_answer_finds_the_end_of_the_time() -> None:
    desk = Desk()
    plan = PlanMaker().node("p").node("q").build()
    desk.start(plan)
    desk.driver.post("e1", asking(desk.task("p"), timeout_ms=5_000))
    desk.driver.post("e1", asking(desk.task("q")))
    desk.settle()
    desk.tick(5_000)
    assert put(desk.store, answer(desk.store)) == Existing(id="expired:e1:p#1", status="paused")


def test_pause_and_resume_stand_in_the_row() -> None:
    desk = Desk()
    desk.start(ASKS)
    put(desk.store, InboxRecord(id="i1", execution_id="e1", kind="pause", data={"reason": "tea"}, by="ann"))
    desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
    desk.settle()
    assert (desk.row().status, desk.row().pause) == ("paused", {"reason": "tea", "by": "ann", "at": desk.clock.now})
    desk.answer("p", 1)
    assert "b" not in desk.executor.instances
    put(desk.store, InboxRecord(id="i2", execution_id="e1", kind="resume"))
    desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
    desk.settle()
    assert (desk.row().status, desk.row().pause) == ("running", None)
    assert "b" in desk.executor.instances


# -- resting ------------------------------------------------------------------------------------------------------


class Hotel:
    """Orchestrators over one store, one after the other or side by side."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)

    def house(self, owner_id: str = "o1", **script: Any) -> House:
        return House(self.store, self.clock, owner_id, script or None)

    def record(self, execution_id: str = "e1") -> Any:
        return self.store.execution_by_id(execution_id)


def rest(house: House) -> None:
    """Until what may rest does."""
    house.tick(REST_AFTER_MS)


def test_r25_what_only_a_person_can_move_is_given_up_and_claimed_for_the_answer() -> None:
    hotel = Hotel()
    house = hotel.house(p=asking, b="end")
    house.start(ASKS)
    assert house.orchestrator.driver.owned() == ["e1"]
    rest(house)
    assert (house.orchestrator.driver.owned(), house.executor.dropped) == ([], ["e1"])
    record = hotel.record()
    assert (record.owner_id, record.status) == (None, "paused")
    assert record.wake_at == row(hotel.store).expires_at
    assert hotel.store.claimable() == 0
    put(hotel.store, answer(hotel.store))
    other = hotel.house("o2", p=asking, b="end")
    other.sweep()
    assert (hotel.record().status, hotel.record().outputs, hotel.record().recoveries) == ("completed", {"b": "end"}, 0)
    assert other.executor.instances == ["b"]


def test_waking_takes_it_up_at_once() -> None:
    hotel = Hotel()
    house = hotel.house(p=asking, b="end")
    house.start(ASKS)
    rest(house)
    put(hotel.store, answer(hotel.store))
    house.orchestrator.wake(["e1"])
    house.settle()
    assert hotel.record().status == "completed"


def test_r32_its_time_comes_though_nobody_owns_it() -> None:
    hotel = Hotel()
    house = hotel.house(p=lambda task: sleeping(task, hotel.clock.now + 60_000, "rested"), b="end")
    house.start(ASKS)
    rest(house)
    assert (hotel.record().owner_id, hotel.record().status) == (None, "waiting")
    hotel.clock.now += 60_000 - REST_AFTER_MS - 1
    house.orchestrator._lease.renew()
    house.sweep()
    assert hotel.record().owner_id is None
    hotel.clock.now += 1
    house.orchestrator._lease.register()
    house.sweep()
    assert (hotel.record().status, hotel.record().outputs) == ("completed", {"b": "end"})


def test_what_goes_on_soon_stays() -> None:
    hotel = Hotel()
    house = hotel.house(p=lambda task: sleeping(task, hotel.clock.now + NEAR_MS - 1), b="end")
    house.start(ASKS)
    rest(house)
    assert house.orchestrator.driver.owned() == ["e1"]


def test_a_deadline_wakes_too() -> None:
    hotel = Hotel()
    house = hotel.house(p=asking)
    house.start(ASKS, deadline_at=hotel.clock.now + 60_000)
    rest(house)
    assert hotel.record().wake_at == hotel.clock.now - REST_AFTER_MS + 60_000
    hotel.clock.now += 60_000
    house.orchestrator._lease.register()
    house.sweep()
    assert hotel.record().status == "timed_out"


def test_an_answer_that_comes_while_it_goes_to_rest_is_not_lost() -> None:
    desk = Desk(held=True)
    left: list[str] = []
    desk.driver._gave_up = left.append
    live = desk.start(ASKS)
    desk.ack()
    desk.driver.post("e1", asking(desk.task("p")))
    desk.settle()
    desk.ack()
    desk.tick(REST_AFTER_MS)
    assert (live.resting, len(desk.journal.held)) == (True, 1)
    put(desk.store, answer(desk.store))
    desk.driver.deliver_inbox("e1", desk.store.inbox("e1"))
    desk.settle()
    desk.ack()
    assert (desk.driver.owned(), desk.store.claimable(), len(desk.store.inbox("e1")), left) == ([], 1, 1, ["e1"])


def test_one_that_is_paused_on_request_rests_too() -> None:
    hotel = Hotel()
    house = hotel.house(a=1, b="end")
    plan = PlanMaker(max_concurrent_nodes=1).chain("a", "b").build()
    silent = House(hotel.store, hotel.clock, "o1")
    silent.start(plan)
    put(hotel.store, InboxRecord(id="i1", execution_id="e1", kind="pause"))
    silent.orchestrator.wake(["e1"])
    silent.settle()
    rest(silent)
    assert silent.orchestrator.driver.owned() == ["e1"]  # "a" still runs
    silent.orchestrator.driver.post("e1", succeeded(silent.executor.tasks[0], 1))
    silent.settle()
    rest(silent)
    assert (hotel.record().owner_id, hotel.record().status, hotel.record().wake_at) == (None, "paused", None)
    put(hotel.store, InboxRecord(id="i2", execution_id="e1", kind="resume"))
    house.sweep()
    assert (hotel.record().status, house.executor.instances) == ("completed", ["b"])


def test_fifty_rests() -> None:
    hotel = Hotel()
    loop = PlanMaker().loop("L").node("p", scope="L").build()
    house = hotel.house(L=lambda task: succeeded(task, {"items": list(range(50))}), p=asking)
    house.start(loop)
    for number in range(50):
        rest(house)
        assert house.orchestrator.driver.owned() == []
        put(hotel.store, answer_row(f"a{number}", "e1", f"e1:L[{number}]/p#1", number, now_ms=0))
        house.orchestrator._lease.register()
        house.sweep()
    assert hotel.record().outputs == {"L": list(range(50))}
    assert hotel.record().epoch == 51
