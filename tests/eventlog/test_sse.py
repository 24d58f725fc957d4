"""Frames of the event stream, and cursors read back from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowray.engine.events import NodeCompleted, NodeStepped, NodeWaiting, encode_events
from flowray.engine.signals import ChildCall, Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent, number_events
from flowray.eventlog.sse import (
    FIRST_FRAME,
    HEARTBEAT,
    event_frame,
    iso_time,
    named_frame,
    parse_last_event_id,
    public_event,
    reset_frame,
    shown_value,
)
from flowray.values import StoredValue, to_wire

STORED = to_wire(StoredValue(payload_id="e1.x", bytes=5_000_000, length=3, preview='[{"a"'))
SHOWN = {"__truncated": True, "__originalSize": 5_000_000, "__preview": '[{"a"'}


def test_a_frame_carries_seq_type_and_one_line_of_data() -> None:
    event = RecordedEvent(42, "node.token", 1_700_000_000_123, {"instance": "a", "node_id": "a", "text": "x\ny\r\n€"})
    lines = event_frame(event, "e1").split("\n")
    assert lines[:2] == ["id: 42", "event: node.token"]
    assert lines[3:] == ["", ""]
    assert lines[2].startswith("data: {")
    assert json.loads(lines[2].removeprefix("data: ")) == {
        "seq": 42,
        "ts": "2023-11-14T22:13:20.123Z",
        "execution_id": "e1",
        "type": "node.token",
        "instance": "a",
        "node_id": "a",
        "text": "x\ny\r\n€",
    }


def test_times_of_the_event_become_iso_and_those_of_the_author_stay() -> None:
    event = NodeWaiting(
        ts=0, instance="a", node_id="a", attempt=1, due_at=1_500, started_at=1_000, output={"created_at": 5}
    )
    [recorded] = number_events(1, encode_events([event]))
    shown = public_event(recorded, "e1")
    assert (shown["ts"], shown["due_at"], shown["started_at"]) == (
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:01.500Z",
        "1970-01-01T00:00:01.000Z",
    )
    assert shown["output"] == {"created_at": 5}


def test_r16_stored_values_show_as_truncated_envelopes() -> None:
    event = NodeCompleted(
        ts=0,
        instance="a",
        node_id="a",
        attempt=1,
        output=StoredValue(payload_id="e1.x", bytes=5_000_000, length=3, preview='[{"a"'),
        usage=Usage(input_tokens=3),
    )
    [recorded] = number_events(1, encode_events([event]))
    shown = public_event(recorded, "e1")
    assert shown["output"] == SHOWN
    assert shown["usage"]["input_tokens"] == 3
    assert "e1.x" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (STORED, SHOWN),
        ({"report": STORED, "n": 1}, {"report": SHOWN, "n": 1}),
        ([STORED, 1], [SHOWN, 1]),
        (None, None),
        ("text", "text"),
        ({"deep": {"er": 1}}, {"deep": {"er": 1}}),
    ],
)
def test_descriptors_are_replaced_also_as_members(value: Any, shown: Any) -> None:
    assert shown_value(value) == shown


def test_the_other_frames() -> None:
    assert FIRST_FRAME == "retry: 2000\n\n"
    assert HEARTBEAT == ": heartbeat\n\n"
    assert named_frame("stream.end", {"a": 1}) == 'event: stream.end\ndata: {"a":1}\n\n'
    assert reset_frame("e1", {"status": "running"}, 7) == (
        'id: 7\nevent: stream.reset\ndata: {"execution_id":"e1","type":"stream.reset","seq":7,'
        '"state":{"status":"running"}}\n\n'
    )


def test_iso_time_is_utc_with_milliseconds() -> None:
    assert iso_time(1_769_860_800_007) == "2026-01-31T12:00:00.007Z"


@pytest.mark.parametrize(("text", "seq"), [(None, 0), ("", 0), ("0", 0), ("17", 17), ("007", 7)])
def test_last_event_id_is_a_seq(text: str | None, seq: int) -> None:
    assert parse_last_event_id(text) == seq


@pytest.mark.parametrize("text", ["-1", "1.5", "abc", " 1", "1 ", "٣", "9" * 19, "1\n", "1e3"])
def test_a_malformed_last_event_id_is_an_invalid_cursor(text: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        parse_last_event_id(text)
    assert caught.value.code == ErrorCode.INVALID_CURSOR


def test_a_selection_shows_as_names_and_stored_exports_as_envelopes() -> None:
    stored = {"$flowray": "stored", "payload_id": "e1.x", "bytes": 9, "preview": "[1"}
    body = {"selection": {"run_from": "b", "may_run": {"b": True}, "at_turn": {"a": {"output": stored}}}}
    assert public_event(RecordedEvent(1, "execution.started", 0, body), "e1")["selection"] == {
        "run_from": "b", "may_run": ["b"], "at_turn": ["a"],
    }  # fmt: skip
    reused = RecordedEvent(2, "node.reused", 0, {"instance": "L", "exports": {"x": stored}})
    assert public_event(reused, "e1")["exports"] == {
        "x": {"__truncated": True, "__originalSize": 9, "__preview": "[1"}
    }  # fmt: skip


def test_of_the_call_of_a_child_only_the_workflow_is_shown() -> None:
    """Its inputs may hold what is masked in ``input``, and a definition is long."""
    call = ChildCall(workflow_id="w", version=2, inputs={"key": "secret"}, definition={"nodes": {}})
    event = NodeWaiting(ts=1, instance="c", node_id="c", attempt=1, wait_kind="child", child=call)
    (recorded,) = number_events(1, encode_events([event]))
    assert public_event(recorded, "e1")["child"] == {"workflow_id": "w", "version": 2}


def test_the_journal_of_a_step_is_for_the_node_alone() -> None:
    event = NodeStepped(ts=0, instance="a", node_id="a", attempt=1, step=1, name="think", journal={"k": 1}, output="x")
    [recorded] = number_events(1, encode_events([event]))
    shown = public_event(recorded, "e1")
    assert (shown["name"], shown["output"], "journal" in shown) == ("think", "x", False)
