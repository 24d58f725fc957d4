"""One language-model text stream as frames: its text with offsets, its resets, and its end. A view of the event log."""

from __future__ import annotations

from flowray.engine.events import TERMINAL_EVENTS
from flowray.eventlog.log import RecordedEvent
from flowray.eventlog.sse import named_frame, public_event
from flowray.persistence.records import ExecutionRecord, NodeLogRecord
from flowray.persistence.stores import Reader
from flowray.plan import plan_from_json
from flowray.runtime.dispatch import stream_name

_NODE_ENDINGS = {
    "node.completed": "completed", "node.failed": "failed", "node.cancelled": "cancelled", "node.skipped": "skipped",
    "node.reused": "completed",
}  # fmt: skip


_PREFIX = "llm-"
_ENDED_LOGS = frozenset(_NODE_ENDINGS.values())
_LOG_PAGE = 500


def is_stream_of(reader: Reader, record: ExecutionRecord, stream_id: str) -> bool:
    """True if a node of the execution's plan can have this stream. Reads the store."""
    plan_bytes = reader.plan(record.plan_hash)
    if plan_bytes is None:
        return False
    nodes = plan_from_json(plan_bytes).nodes
    return any(node_id in nodes and nodes[node_id].streams for node_id in _node_ids(stream_id))


def has_ended(reader: Reader, record: ExecutionRecord, stream_id: str, after: int) -> bool:
    """True if the stream's node has ended and nothing of the stream follows event ``after``. Reads the store."""
    last = max(_logs(reader, record.id, stream_id), key=lambda log: log.attempt, default=None)
    if last is None or last.status not in _ENDED_LOGS:
        return False
    while after < record.last_seq:
        events = reader.events.read(record.id, after, _LOG_PAGE)
        if any(_concerns(event, stream_id) for event in events):
            return False
        after = events[-1].seq if events else record.last_seq
    return True


def _concerns(event: RecordedEvent, stream_id: str) -> bool:
    """True if the event is text, reset or end of the stream."""
    if event.type in ("node.token", "stream.reset"):
        return event.body.get("stream_id") == stream_id
    return event.type in _NODE_ENDINGS and stream_name(event.body["instance"]) == stream_id


def _logs(reader: Reader, execution_id: str, stream_id: str) -> list[NodeLogRecord]:
    found: list[NodeLogRecord] = []
    for node_id in _node_ids(stream_id):
        cursor = None
        while True:
            page = reader.node_logs(execution_id, node_id=node_id, limit=_LOG_PAGE, cursor=cursor)
            found.extend(log for log in page.data if stream_name(log.instance) == stream_id)
            cursor = page.next_cursor
            if cursor is None:
                break
    return found


def _node_ids(stream_id: str) -> list[str]:
    """The ids that the node may have: a node's own id may hold a slash, so the scope path cannot be told by it."""
    if not stream_id.startswith(_PREFIX):
        return []
    whole = stream_id.removeprefix(_PREFIX)
    return list(dict.fromkeys((whole, whole.rpartition("/")[2])))


class TextStreamFrames:
    """Frames of one stream: ``node.token`` and ``stream.reset`` as in the log, then ``stream.end``.

    Data of ``stream.end``: ``{stream_id, status, seq, chars, usage}``; ``status`` is how its node ended, or
    ``unknown`` if the execution ended without that node. ``chars`` is the length of the text that counts, null if this
    connection has seen none of it.
    """

    def __init__(self, execution_id: str, stream_id: str) -> None:
        self._execution_id = execution_id
        self._stream_id = stream_id
        self._chars: int | None = None
        self._closing = ""
        self.ended = False

    def of(self, event: RecordedEvent) -> str:
        """The frame of an event of this stream."""
        if not _concerns(event, self._stream_id):
            if event.type in TERMINAL_EVENTS:
                self._end(event, "unknown")
            return ""
        if event.type in _NODE_ENDINGS:
            self._end(event, _NODE_ENDINGS[event.type])
            return ""
        body = event.body
        self._chars = body.get("offset", 0) + len(body.get("text", ""))
        return f"id: {event.seq}\n" + named_frame(event.type, public_event(event, self._execution_id))

    def closing(self) -> str:
        """The end, with the seq at which it was known as its id."""
        return self._closing

    def _end(self, event: RecordedEvent, status: str) -> None:
        self.ended = True
        data = {
            "stream_id": self._stream_id,
            "execution_id": self._execution_id,
            "status": status,
            "seq": event.seq,
            "chars": self._chars,
            "usage": event.body.get("usage"),
        }
        self._closing = f"id: {event.seq}\n" + named_frame("stream.end", data)
