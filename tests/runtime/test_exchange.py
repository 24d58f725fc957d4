"""Executions as documents: what goes along, what stays, and what is refused on the way in."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from flowray.engine import stimuli as st
from flowray.engine.signals import Pause, Signals
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.payloads.ids import payload_id
from flowray.persistence.writes import Existing, Inserted
from flowray.runtime.exchange import (
    as_new,
    choose_payloads,
    export_execution,
    is_the_same,
    read_document,
    with_payloads,
)
from flowray.values import StoredValue
from tests.engine.plans import PlanMaker
from tests.runtime.harness import Desk, House, succeeded

LARGE = msgspec.json.encode("x" * 50_000)
STORED = StoredValue(payload_id("e1", LARGE), len(LARGE), preview='"xxx')


def asking(task: NodeTask) -> st.AttemptSucceeded:
    return succeeded(task, signals=Signals(pause=Pause(reason="ok?", token="wp_t", timeout_ms=90_000_000)))


def paused() -> Desk:
    """``a`` has a large output, ``p`` asks, ``b`` follows."""
    desk = Desk()
    desk.start(PlanMaker().chain("a", "p", "b").build())
    desk.answer("a", STORED)
    desk.driver.post("e1", asking(desk.task("p")))
    desk.settle()
    assert desk.row().status == "paused"
    return desk


@pytest.fixture
def desk() -> Desk:
    return paused()


def exported(desk: Desk) -> dict[str, Any]:
    document = export_execution(desk.store, "e1", 5)
    inline, elsewhere = choose_payloads(document)
    whole = with_payloads(document, dict.fromkeys(inline, LARGE), elsewhere)
    through_json: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(whole))
    return through_json


def test_the_document_holds_everything(desk: Desk) -> None:
    document = exported(desk)
    assert (document["format"], document["version"], document["exported_at"]) == ("flowray.execution", 1, 5)
    assert document["snapshot"]["pauseContext"][0]["nodeId"] == "p"
    assert [event["type"] for batch in document["events"] for event in batch["events"]][:2] == [
        "execution.started",
        "node.ready",
    ]
    assert document["payloads"] == {STORED.payload_id: base64.b64encode(LARGE).decode()}
    assert [waitpoint["token"] for waitpoint in document["waitpoints"]] == ["wp_t"]
    assert {log["id"] for log in document["node_logs"]} >= {"a#1", "p#1"}
    assert {"owner_id", "callback", "idempotency_key"}.isdisjoint(document["execution"])


def test_s53_what_was_imported_goes_on_there(desk: Desk) -> None:
    incoming = read_document(exported(desk))
    assert incoming.payloads == {STORED.payload_id: LARGE}
    assert (incoming.payload_owner, incoming.elsewhere) == ("e1", ())
    other = MemoryStore(desk.clock)
    assert other.commit([incoming.write]) == [Inserted(id="e1", status="paused")]
    record = other.execution_by_id("e1")
    assert record is not None
    assert (record.owner_id, record.wake_at) == (None, desk.clock.now + 90_000_000)
    assert other.claimable() == 0
    assert [event.seq for event in other.events.read("e1")] == [event.seq for event in desk.store.events.read("e1")]
    house = House(other, desk.clock, "there", {"b": "end"})
    desk.clock.now += 90_000_000
    house = House(other, desk.clock, "later", {"b": "end"})
    house.sweep()
    house.tick(0)
    failed = other.execution_by_id("e1")
    assert failed is not None
    assert (failed.status, failed.errors[0]["code"]) == ("failed", "WAITPOINT_TIMEOUT")


def test_an_import_is_taken_for_new_by_those_who_drove_it_before(desk: Desk) -> None:
    incoming = read_document(exported(desk))
    assert as_new(incoming, 7_000).write.record.epoch == 7_000
    assert as_new(incoming, 0).write.record == incoming.write.record


def test_an_import_is_known_again_and_told_from_another_execution(desk: Desk) -> None:
    incoming = read_document(exported(desk))
    other = MemoryStore(desk.clock)
    other.commit([incoming.write])
    assert other.commit([incoming.write]) == [Existing(id="e1", status="paused")]
    assert is_the_same(other, incoming)
    assert is_the_same(desk.store, incoming)
    stranger = Desk()
    stranger.start(PlanMaker().chain("z").build())
    assert not is_the_same(stranger.store, incoming)


def test_what_runs_cannot_be_exported() -> None:
    desk = Desk()
    desk.start(PlanMaker().chain("a").build())
    with pytest.raises(FlowrayError) as caught:
        export_execution(desk.store, "e1", 5)
    assert (caught.value.code, "it is running" in caught.value.message) == (ErrorCode.CONFLICT, True)
    with pytest.raises(FlowrayError) as caught:
        export_execution(desk.store, "nobody", 5)
    assert caught.value.code == ErrorCode.NOT_FOUND


def test_what_drains_while_it_is_paused_cannot_be_exported() -> None:
    desk = Desk()
    desk.start(PlanMaker().node("a").node("p").build())
    desk.driver.post("e1", st.PauseRequested(ts=desk.clock.now))
    desk.settle()
    assert desk.row().status == "paused"
    with pytest.raises(FlowrayError) as caught:
        export_execution(desk.store, "e1", 5)
    assert "still runs" in caught.value.message


def test_what_has_ended_can_be_exported() -> None:
    desk = Desk()
    desk.start(PlanMaker().chain("a").build())
    desk.answer("a", "end")
    incoming = read_document(exported(desk))
    assert (incoming.write.record.status, incoming.write.record.outputs) == ("completed", {"a": "end"})
    assert incoming.write.record.wake_at is None


def test_payloads_that_are_too_large_for_a_document_are_only_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowray.runtime.exchange.INLINE_PAYLOAD_BYTES", 10)
    document = exported(desk)
    assert (document["payloads"], document["payloads_elsewhere"]) == ({}, [STORED.payload_id])
    assert read_document(document).elsewhere == (STORED.payload_id,)


def _without_plan(document: dict[str, Any]) -> None:
    document["plan"]["name"] = "another"


def _with_a_gap(document: dict[str, Any]) -> None:
    document["events"][0]["events"].pop()


def _shorter(document: dict[str, Any]) -> None:
    batch = document["events"][-1]
    batch["events"].pop()
    batch["last_seq"] -= 1


def _of_another(document: dict[str, Any]) -> None:
    document["waitpoints"][0]["execution_id"] = "e2"


def _of_wrong_type(document: dict[str, Any]) -> None:
    document["execution"]["labels"] = 5


def _unknown_event(document: dict[str, Any]) -> None:
    document["events"][0]["events"][0]["type"] = "no.such"


def _no_base64(document: dict[str, Any]) -> None:
    document["payloads"] = {"e1.x": "***"}


def _nothing(document: dict[str, Any]) -> None:
    document.clear()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (_nothing, "no document of the format"),
        (_without_plan, "the plan is not the one"),
        (_with_a_gap, "does not have the events"),
        (_shorter, "does not lead to the state"),
        (_of_another, "parts of the execution 'e2'"),
        (_of_wrong_type, "labels"),
        (_unknown_event, "no.such"),
        (_no_base64, "Error"),
    ],
)
def test_a_document_that_does_not_hold_together_is_refused(
    desk: Desk, broken: Callable[[dict[str, Any]], None], why: str
) -> None:
    document = copy.deepcopy(exported(desk))
    broken(document)
    with pytest.raises(FlowrayError) as caught:
        read_document(document)
    assert caught.value.code == ErrorCode.INVALID_REQUEST
    assert why in caught.value.message


def test_l10_a_document_of_a_newer_flowray_is_refused_and_an_older_one_brought_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = exported(desk)
    with pytest.raises(FlowrayError) as caught:
        read_document({**document, "version": 99})
    assert caught.value.code == ErrorCode.UNSUPPORTED_VERSION
    monkeypatch.setattr("flowray.runtime.exchange.VERSION", 2)
    steps = {1: lambda old: {**old, "execution": {**old["execution"], "workflow_name": "brought up"}}}
    monkeypatch.setattr("flowray.runtime.exchange.STEPS", steps)
    assert read_document(document).write.record.workflow_name == "brought up"
