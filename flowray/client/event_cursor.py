"""Where a reader of an event stream stands, across broken connections. Pure: the clients open and read the streams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from httpx_sse import ServerSentEvent

from flowray import wire
from flowray.client import calls
from flowray.client.call import Call
from flowray.client.retrying import RetryPolicy
from flowray.engine.events import TERMINAL_EVENTS
from flowray.errors import ErrorCode, FlowrayError


@dataclass
class EventCursor:
    """Takes frames, gives events, each once and in order. Only a terminal event ends it, or the server's word (204)
    that there is none after ``after``; an end of the connection never does."""

    execution_id: str
    after: int = 0
    types: Iterable[str] = ()
    ended: bool = False
    failures: int = 0
    """Connections in a row that brought no event."""

    def call(self) -> Call[None]:
        """The request that goes on where the cursor stands."""
        return calls.event_stream(self.execution_id, self.after, self.types)

    def take(self, frame: ServerSentEvent) -> wire.EventBody | None:
        """The event of a frame; None for one that is no event, or was delivered before.

        Raises ConnectionError for the server's ``error`` frame: the stream is broken, the execution is not.
        """
        if frame.event == "error":
            raise ConnectionError(_message(frame))
        # A heartbeat arrives as a frame without data, under the id of the last event.
        data: Any = frame.json() if frame.data and frame.id.isdigit() else None
        if not isinstance(data, dict) or "seq" not in data:
            return None
        pruned = frame.event == "stream.reset" and "state" in data
        if data["seq"] <= self.after and not pruned:
            return None
        self.failures = 0
        self.after = data["seq"]
        if pruned:
            # The events in between are gone; the state stands for them, the end included.
            self.ended = f"execution.{data['state'].get('status')}" in TERMINAL_EVENTS
            data = {"ts": data["state"]["updated_at"] or data["state"]["created_at"], **data}
        event = wire.EventBody.model_validate(data)
        self.ended = self.ended or event.type in TERMINAL_EVENTS
        return event

    def failed(self, policy: RetryPolicy, reason: Exception | str) -> float:
        """The delay after which to connect again. Raises STREAM_INTERRUPTED after too many failures in a row."""
        self.failures += 1
        if self.failures >= policy.max_attempts:
            raise FlowrayError(
                ErrorCode.STREAM_INTERRUPTED,
                f"the events of execution {self.execution_id!r} cannot be followed beyond {self.after}: {reason}",
                details={"execution_id": self.execution_id, "last_seq": self.after},
                hint="the execution goes on; follow it again with after=last_seq",
                retryable=True,
            )
        return policy.delay_s(self.failures)


def _message(frame: ServerSentEvent) -> str:
    try:
        data = frame.json()
    except ValueError:
        return "the stream broke"
    return str(data.get("detail", "the stream broke")) if isinstance(data, dict) else "the stream broke"
