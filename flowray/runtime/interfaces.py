"""What the API and the command line see of a runtime, whether it is in process or on Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

from flowray.eventlog.log import RecordedEvent
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.stores import Reader
from flowray.persistence.writes import AnyResult, AnyWrite


class Watch(Protocol):
    """Tells that executions may have gone on, so that their logs are worth a look. Best effort."""

    def look_at(self, execution_ids: Iterable[str]) -> None:
        """Watch these executions and no others. What they do from now on ends a ``wait``."""
        ...

    async def wait(self) -> bool:
        """True once one of them may have new events; False after about a second of silence."""
        ...

    def close(self) -> None:
        """Watch nothing any more."""
        ...


class ExecutionDirectory(Protocol):
    """Find, start, follow and steer executions."""

    reader: Reader

    async def write(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """Commit writes that need no owner (workflows). Raises FlowrayError DATABASE_UNAVAILABLE."""
        ...

    async def start(self, records: Sequence[ExecutionRecord], plan: bytes) -> list[AnyResult]:
        """Insert executions of one plan and set them going; returns once they are committed (Inserted or Existing).

        ``owner_id`` and ``epoch`` of the records are filled in here (R43).
        """
        ...

    async def request(self, record: InboxRecord) -> AnyResult:
        """Put a request (such as cancel) into the inbox and wake the owner. Returns once it is committed (R35)."""
        ...

    async def wake(self, execution_ids: Sequence[str]) -> None:
        """Something was put into the inboxes of these executions: tell their owners. Best effort: a sweep finds it."""
        ...

    def follow(self, execution_id: str, after: int = 0) -> AsyncIterator[list[RecordedEvent]]:
        """Events after ``after``, contiguous, as they are committed; ends after the terminal event (R33).

        Yields an empty list when nothing came for about a second, so that callers can send heartbeats.
        """
        ...

    def watch(self) -> Watch:
        """For readers of several logs at once. To be called on the event loop that waits."""
        ...

    async def load_payload(self, payload_id: str) -> bytes:
        """The JSON text of a stored value. Raises FlowrayError PAYLOAD_MISSING."""
        ...

    async def keep_payload(self, execution_id: str, data: bytes) -> str:
        """Keep the JSON text of a large value for an execution; returns its payload id once it is durable (R34)."""
        ...

    async def payload_bytes(self, execution_id: str) -> int:
        """What large values of an execution take outside of the database."""
        ...

    async def info(self) -> dict[str, Any]:
        """Facts for GET /info: runtime, database, durability mode, actors."""
        ...

    async def close(self) -> None:
        """Release what this object holds; executions go on where they live."""
        ...
