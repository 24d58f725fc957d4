"""A cursor gives each event once, and takes nothing but a terminal event for the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from httpx_sse import ServerSentEvent

from flowray.client.event_cursor import EventCursor
from flowray.client.retrying import RetryPolicy
from flowray.errors import ErrorCode, FlowrayError

TS = "2025-06-15T15:06:40.000Z"


def frame(seq: int, kind: str, **body: Any) -> ServerSentEvent:
    data = {"seq": seq, "ts": TS, "execution_id": "e", "type": kind, **body}
    return ServerSentEvent(event=kind, data=json.dumps(data), id=str(seq))


def test_each_event_once_and_the_end_is_the_terminal_event() -> None:
    cursor = EventCursor("e")
    event = cursor.take(frame(1, "node.token", text="Hi"))
    assert event is not None
    assert (event.seq, event.model_extra) == (1, {"text": "Hi"})
    assert cursor.take(frame(1, "node.token", text="Hi")) is None
    assert (cursor.after, cursor.ended) == (1, False)
    assert cursor.take(frame(2, "execution.failed")) is not None
    assert cursor.ended is True


@pytest.mark.parametrize(
    "other",
    [
        ServerSentEvent(event="execution.accepted", data='{"id": "e"}'),
        ServerSentEvent(event="message", data="", id=""), ServerSentEvent(event="message", data="", id="3"),
        ServerSentEvent(event="x", data="[1]", id="3"),
    ],
)  # fmt: skip
def test_what_is_no_event_moves_nothing(other: ServerSentEvent) -> None:
    cursor = EventCursor("e")
    assert cursor.take(other) is None
    assert (cursor.after, cursor.ended) == (0, False)


@pytest.mark.parametrize("data", ['{"detail": "the database is away"}', "no json", "[]"])
def test_an_error_frame_is_a_broken_connection_and_no_end(data: str) -> None:
    cursor = EventCursor("e", 4)
    with pytest.raises(ConnectionError):
        cursor.take(ServerSentEvent(event="error", data=data))
    assert (cursor.after, cursor.ended) == (4, False)


def test_the_state_of_a_pruned_log_stands_for_the_events() -> None:
    for status, ended in (("running", False), ("completed", True)):
        cursor = EventCursor("e", 99)
        state = {"status": status, "updated_at": TS, "created_at": TS}
        data = {"execution_id": "e", "type": "stream.reset", "seq": 40, "state": state}
        event = cursor.take(ServerSentEvent(event="stream.reset", data=json.dumps(data), id="40"))
        assert event is not None
        assert (event.type, cursor.after, cursor.ended) == ("stream.reset", 40, ended)


def test_it_gives_up_only_after_failures_in_a_row() -> None:
    policy = RetryPolicy(max_attempts=3, initial_s=1)
    cursor = EventCursor("e")
    assert [cursor.failed(policy, "cut"), cursor.failed(policy, "cut")] == [1, 2]
    cursor.take(frame(1, "node.log"))
    assert [cursor.failed(policy, "cut"), cursor.failed(policy, "cut")] == [1, 2]
    with pytest.raises(FlowrayError, match="cut") as caught:
        cursor.failed(policy, "cut")
    assert (caught.value.code, caught.value.details["last_seq"]) == (ErrorCode.STREAM_INTERRUPTED, 1)


def test_the_request_goes_on_where_the_cursor_stands() -> None:
    cursor = EventCursor("e", types=("node.log",))
    cursor.take(frame(3, "node.log"))
    assert cursor.call().headers["Last-Event-ID"] == "3"
    assert cursor.call().params == {"types": "node.log"}
