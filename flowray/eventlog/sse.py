"""Recorded events as the outer world sees them: JSON objects, and frames of a server-sent event stream. Pure.

The format of the stream is that of the HTML standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.values import Json

RETRY_MS = 2_000
"""How long a browser waits before it reconnects."""

FIRST_FRAME = f"retry: {RETRY_MS}\n\n"
HEARTBEAT = ": heartbeat\n\n"
"""A comment: keeps proxies from closing a quiet connection; readers ignore it."""

_VALUES = frozenset({"exports", "input", "inputs", "output", "outputs", "item", "items", "result"})
_SHOWN_OF_CALL = frozenset({"workflow_id", "version", "deadline_ms"})
_MAX_SEQ_DIGITS = 18


def public_event(recorded: RecordedEvent, execution_id: str) -> dict[str, Any]:
    """``{seq, ts, execution_id, type, …}`` with the event's own fields, as pages and streams show it.

    ``ts`` and the event's own ``*_at`` fields (ms since the epoch) become ISO 8601 in UTC; what is inside values
    belongs to the workflow's author and stays. A value kept in the payload store shows as
    ``{__truncated, __originalSize, __preview}``, also as a member of an object or list (R16).
    """
    event: dict[str, Any] = {
        "seq": recorded.seq,
        "ts": iso_time(recorded.ts),
        "execution_id": execution_id,
        "type": recorded.type,
    }
    for name, value in recorded.body.items():
        if name == "journal":
            continue  # A node's own notes, which its next step reads: as long as all before them, and for nobody else.
        if name.endswith("_at") and isinstance(value, int):
            event[name] = iso_time(value)
        elif name in _VALUES:
            event[name] = shown_value(value)
        elif name == "pause" and isinstance(value, dict):
            # Whoever may read may not answer: the token is for those who may steer (R30).
            event[name] = {key: part for key, part in value.items() if key != "token"}
        elif name == "child" and isinstance(value, dict):
            # What it was called with stands in ``input``, as far as it may be seen, and with the child itself.
            event[name] = {key: part for key, part in value.items() if key in _SHOWN_OF_CALL}
        elif name == "selection" and isinstance(value, dict):
            # The outcomes follow as events of their own.
            event[name] = {key: list(part) if isinstance(part, dict) else part for key, part in value.items()}
        else:
            event[name] = value
    return event


def iso_time(ms: int) -> str:
    """``2026-01-31T12:00:00.123Z``."""
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown_value(value: Json) -> Json:
    """A value in its wire form, with descriptors replaced by what people and clients see instead."""
    if isinstance(value, dict):
        if value.get("$flowray") == "stored":
            return _truncated(value)
        return {key: _shown_member(member) for key, member in value.items()}
    return [_shown_member(member) for member in value] if isinstance(value, list) else value


def _shown_member(member: Json) -> Json:
    return _truncated(member) if isinstance(member, dict) and member.get("$flowray") == "stored" else member


def _truncated(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "__truncated": True,
        "__originalSize": descriptor.get("bytes", 0),
        "__preview": descriptor.get("preview", ""),
    }


def event_frame(recorded: RecordedEvent, execution_id: str, cursor: str | None = None) -> str:
    """``id`` is the seq, ``event`` the type, ``data`` the public event in one line.

    ``cursor``: the id, where a stream has the events of several executions; it then stands in the data, too.
    """
    event = public_event(recorded, execution_id)
    if cursor is None:
        return f"id: {recorded.seq}\n" + named_frame(recorded.type, event)
    return f"id: {cursor}\n" + named_frame(recorded.type, {**event, "cursor": cursor})


def named_frame(event: str, data: Json) -> str:
    """A frame without id: it does not move the reader's cursor."""
    return f"event: {event}\ndata: {msgspec.json.encode(data).decode()}\n\n"


def reset_frame(execution_id: str, state: Mapping[str, Any], last_seq: int) -> str:
    """``stream.reset`` for a cursor older than what is kept: the present state, and its seq as the new cursor (R33)."""
    data = {"execution_id": execution_id, "type": "stream.reset", "seq": last_seq, "state": state}
    return f"id: {last_seq}\n" + named_frame("stream.reset", data)


def parse_last_event_id(text: str | None) -> int:
    """The seq after which to go on; 0 without a header. Raises FlowrayError INVALID_CURSOR if it is no number."""
    if text is None or text == "":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_SEQ_DIGITS):
        raise FlowrayError(
            ErrorCode.INVALID_CURSOR,
            f"Last-Event-ID {text[:60]!r} is not the id of an event",
            hint="send back the id of the last frame unchanged, or leave the header out",
        )
    return int(text)
