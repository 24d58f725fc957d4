"""Frames of one text stream; its routes are tested with the events."""

from __future__ import annotations

from flowray.api.streams.text import TextStreamFrames, has_ended
from flowray.engine import events as ev
from flowray.eventlog.log import RecordedEvent
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord, NodeLogRecord
from flowray.persistence.writes import AppendEvents, InsertExecution
from tests.api.conftest import frames


def event(seq: int, kind: str, **body: object) -> RecordedEvent:
    return RecordedEvent(seq, kind, 0, {"instance": "loop[1]/ask", "node_id": "ask", **body})


def test_streams_inside_loops_have_the_scope_path_in_their_id() -> None:
    shown = TextStreamFrames("e1", "llm-loop[1]/ask")
    assert frames(shown.of(event(3, "node.token", stream_id="llm-loop[1]/ask", offset=0, text="Hi")))[0][0] == "3"
    assert shown.of(event(4, "node.token", stream_id="llm-loop[0]/ask", offset=0, text="no")) == ""
    assert shown.of(event(5, "node.started")) == ""
    assert shown.ended is False
    assert shown.of(event(6, "node.failed")) == ""
    assert shown.ended is True
    ((number, kind, data),) = frames(shown.closing())
    assert (number, kind, data["status"], data["chars"]) == ("6", "stream.end", "failed", 2)


def test_an_execution_that_ends_without_the_node() -> None:
    shown = TextStreamFrames("e1", "llm-ask")
    shown.of(RecordedEvent(9, "execution.cancelled", 0, {}))
    ((_, _, data),) = frames(shown.closing())
    assert (data["status"], data["chars"]) == ("unknown", None)


def test_a_stream_has_ended_when_nothing_of_it_follows() -> None:
    store = MemoryStore()
    record = ExecutionRecord(id="e1", status="running", plan_hash="p", epoch=1, owner_id="o")
    store.commit([InsertExecution(record=record, plan=b"{}")])
    log = NodeLogRecord(
        execution_id="e1", id="ask#1", node_id="ask", instance="ask", type="llm", name="", status="completed",
        attempt=1,
    )  # fmt: skip
    token = ev.NodeToken(ts=1, instance="ask", node_id="ask", attempt=1, stream_id="llm-ask", offset=0, text="Hi")
    done = ev.NodeCompleted(ts=1, instance="ask", node_id="ask", attempt=1)
    other = ev.NodeReady(ts=1, instance="b", node_id="b")
    events = ev.encode_events([token, done, other])
    store.commit([
        AppendEvents(execution_id="e1", epoch=1, expected_seq=0, last_seq=3, ts=1, events=events, node_logs=(log,))
    ])  # fmt: skip
    current = store.execution("e1")
    assert current is not None
    assert [has_ended(store, current, "llm-ask", after) for after in (0, 1, 2, 3)] == [False, False, True, True]
    assert has_ended(store, current, "llm-b", 3) is False
