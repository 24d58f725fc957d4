"""Snapshots: they shorten the fold and never change it, and show people the whole state."""

from __future__ import annotations

import json

import msgspec

from flowray.engine import stimuli as st
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import Pause, Signals
from flowray.engine.snapshot import snapshot_to_json
from flowray.handlers.node_task import NodeTask
from flowray.persistence.records import InboxRecord
from flowray.plan import ExecutionPlan
from flowray.runtime.driver import REST_AFTER_MS
from flowray.runtime.snapshots import load_state, snapshot_document
from tests.engine.plans import PlanMaker
from tests.runtime.harness import House, succeeded
from tests.runtime.test_waitpoints import Hotel, put


def asking(task: NodeTask) -> st.AttemptSucceeded:
    pause = Pause(reason="ok?", expected_input={"type": "string"})
    return succeeded(task, signals=Signals(pause=pause))


def listing(task: NodeTask) -> st.AttemptSucceeded:
    return succeeded(task, {"items": ["x", "y"]})


def nested() -> ExecutionPlan:
    """A pause inside a parallel inside a loop."""
    maker = PlanMaker().node("a").loop("L").parallel("P", scope="L").node("p", scope="P").node("b")
    return maker.edge("a -> L", "L -> b").build()


def rested(plan: ExecutionPlan) -> tuple[Hotel, House]:
    """An execution that waits there, given up."""
    hotel = Hotel()
    house = hotel.house(a={"n": 1}, L=listing, P=listing, p=asking, b="end")
    house.start(plan, who="Ada")
    house.tick(REST_AFTER_MS)
    return hotel, house


def pause(hotel: Hotel, house: House) -> None:
    put(hotel.store, InboxRecord(id="i1", execution_id="e1", kind="pause", data={"reason": "tea"}))
    house.orchestrator.wake(["e1"])
    house.settle()


def test_the_snapshot_is_named_by_the_row_and_equals_the_fold_of_the_log() -> None:
    plan = nested()
    hotel, _ = rested(plan)
    record = hotel.record()
    kept = hotel.store.snapshot(record.snapshot_id)
    assert kept is not None
    assert (kept.seq, kept.id) == (record.last_seq, f"e1@{record.last_seq}")
    folded = load_state(hotel.store, msgspec.structs.replace(record, snapshot_id=None), PlanIndex(plan))
    assert snapshot_to_json(load_state(hotel.store, record, PlanIndex(plan))) == snapshot_to_json(folded) == kept.data


def test_a_snapshot_that_cannot_be_read_costs_only_time() -> None:
    plan = nested()
    hotel, _ = rested(plan)
    record = hotel.record()
    right = snapshot_to_json(load_state(hotel.store, record, PlanIndex(plan)))
    kept = hotel.store.snapshot(record.snapshot_id)
    assert kept is not None
    for data in (b"{", json.dumps({"version": 99}).encode()):
        hotel.store._tables.snapshots["e1"] = msgspec.structs.replace(kept, data=data)
        assert snapshot_to_json(load_state(hotel.store, record, PlanIndex(plan))) == right
    del hotel.store._tables.snapshots["e1"]
    assert snapshot_to_json(load_state(hotel.store, record, PlanIndex(plan))) == right


def test_what_happened_since_is_folded_onto_it() -> None:
    plan = nested()
    hotel, house = rested(plan)
    pause(hotel, house)
    record = hotel.record()
    kept = hotel.store.snapshot(record.snapshot_id)
    assert kept is not None
    assert kept.seq < record.last_seq
    state = load_state(hotel.store, record, PlanIndex(plan))
    assert state.hold is not None
    assert state.hold.reason == "tea"


def test_the_document_says_everything() -> None:
    plan = nested()
    hotel, _ = rested(plan)
    record = hotel.record()
    found = snapshot_document(record, PlanIndex(plan), load_state(hotel.store, record, PlanIndex(plan)))
    assert (found["execution_id"], found["plan_hash"], found["seq"]) == ("e1", record.plan_hash, record.last_seq)
    assert (found["inputs"], found["status"]) == ({"who": "Ada"}, "paused")
    assert (found["completed"], found["pending"]) == (["a"], ["b"])
    assert found["running"] == ["L", "L[0]/P", "L[0]/P[0]/p", "L[0]/P[1]/p"]
    assert found["loops"] == {"L": {"total": 2, "next_index": 1, "running": 1, "results": [None]}}
    assert found["parallels"] == {"L[0]/P": {"total": 2, "next_index": 2, "running": 2, "results": [None, None]}}
    first, second = found["pauseContext"]
    assert first == {
        "nodeId": "p", "instance": "L[0]/P[0]/p", "reason": "ok?", "waitpointId": "e1:L[0]/P[0]/p#1",
        "expectedInputSchema": {"type": "string"}, "pausedAt": 1_000_000,
    }  # fmt: skip
    assert second["instance"] == "L[0]/P[1]/p"
    assert json.loads(json.dumps(found))["state"]["status"] == "paused"


def test_outputs_that_are_still_read_are_in_it() -> None:
    plan = PlanMaker().node("a").node("p").node("b", reads=["a"]).edge("a -> p", "p -> b").build()
    hotel, _ = rested(plan)
    record = hotel.record()
    found = snapshot_document(record, PlanIndex(plan), load_state(hotel.store, record, PlanIndex(plan)))
    assert found["outputs"] == {"a": {"n": 1}}


def test_a_requested_pause_is_among_what_it_waits_for() -> None:
    plan = nested()
    hotel, house = rested(plan)
    pause(hotel, house)
    record = hotel.record()
    found = snapshot_document(record, PlanIndex(plan), load_state(hotel.store, record, PlanIndex(plan)))
    assert [entry["reason"] for entry in found["pauseContext"]] == ["ok?", "ok?", "tea"]
