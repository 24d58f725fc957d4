"""A scripted runtime over a MemoryStore: executions do exactly what a test says, event by event. No threads, no Ray."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any

import msgspec

from flowray.engine import events as ev
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent, number_events
from flowray.eventlog.tail import PushedEvents, follow
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord, InboxRecord, NodeLogRecord
from flowray.persistence.stores import Reader
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents, Done, Inserted, InsertExecution, InsertInbox

NOW_MS = 1_750_000_000_000
"""2025-06-15T15:06:40Z."""

COMPLETED = (
    ev.ExecutionStarted(ts=NOW_MS, total=2),
    ev.NodeStarted(ts=NOW_MS, instance="in", node_id="in", node_type="input", attempt=1, tries=1),
    ev.NodeCompleted(ts=NOW_MS + 5, instance="in", node_id="in", attempt=1, output={"name": "Ada"}),
    ev.ExecutionCompleted(ts=NOW_MS + 9, outputs={"greeting": "Hello Ada"}),
)
"""A whole run in four events."""

_STATUS = {
    ev.ExecutionStarted: "running", ev.ExecutionPaused: "paused", ev.ExecutionCompleted: "completed",
    ev.ExecutionFailed: "failed", ev.ExecutionCancelled: "cancelled", ev.ExecutionWaiting: "waiting",
}  # fmt: skip


class FakeDirectory:
    """An ExecutionDirectory. ``on_start`` plays a started execution; ``down`` makes the database unavailable."""

    def __init__(self, on_start: Callable[[FakeDirectory, ExecutionRecord], None] | None = None) -> None:
        self.store = MemoryStore(lambda: NOW_MS)
        self.reader: Reader = self.store
        self.on_start = on_start
        self.down = False
        self.closed = False
        self.start_sizes: list[int] = []
        self.requests: list[InboxRecord] = []
        self.woken: list[str] = []
        self.open_follows = 0
        self.silence_s = 0.005
        self._readers: list[tuple[str, PushedEvents]] = []

    # -- the script -----------------------------------------------------------------------------------------------

    def play(
        self,
        execution_id: str,
        *events: ev.Event,
        logs: Sequence[NodeLogRecord] = (),
        changes: dict[str, Any] | None = None,
    ) -> None:
        """Commit events as the owner would, with the row's status and outputs."""
        record = self.store.execution(execution_id)
        assert record is not None
        row = dict(changes or {})
        for event in events:
            if type(event) in _STATUS:
                row["status"] = _STATUS[type(event)]
            if isinstance(event, ev.ExecutionStarted):
                row["started_at"] = event.ts
            if f"execution.{row.get('status')}" in ev.TERMINAL_EVENTS:
                row["ended_at"] = event.ts
                row["outputs"] = getattr(event, "outputs", None)
        write = AppendEvents(
            execution_id=execution_id, epoch=record.epoch, expected_seq=record.last_seq,
            last_seq=record.last_seq + len(events), ts=NOW_MS + 10, events=ev.encode_events(events), changes=row,
            node_logs=tuple(logs),
        )  # fmt: skip
        (result,) = self.store.commit([write])
        assert result == Done(), result
        for followed, reader in self._readers:
            if followed == execution_id:
                reader.push(number_events(record.last_seq + 1, write.events))

    def prune(self, execution_id: str, count: int) -> None:
        """Forget the first ``count`` commits of a log, as retention does."""
        del self.store._tables.batches[execution_id][:count]

    # -- ExecutionDirectory ---------------------------------------------------------------------------------------

    async def write(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        self._check()
        return self.store.commit(writes)

    async def start(self, records: Sequence[ExecutionRecord], plan: bytes) -> list[AnyResult]:
        self._check()
        self.start_sizes.append(len(records))
        owned = [msgspec.structs.replace(record, owner_id="fake", epoch=1) for record in records]
        results = self.store.commit([InsertExecution(record=record, plan=plan) for record in owned])
        for record, result in zip(owned, results, strict=True):
            if isinstance(result, Inserted) and not result.elsewhere and self.on_start is not None:
                self.on_start(self, record)
        return results

    async def request(self, record: InboxRecord) -> AnyResult:
        self._check()
        self.requests.append(record)
        (result,) = self.store.commit([InsertInbox(record=record)])
        return result

    async def wake(self, execution_ids: Sequence[str]) -> None:
        self.woken.extend(execution_ids)

    def watch(self) -> FakeWatch:
        return FakeWatch(self._readers, self.silence_s)

    async def follow(self, execution_id: str, after: int = 0) -> AsyncGenerator[list[RecordedEvent], None]:
        self._check()
        reader = PushedEvents(silence_s=self.silence_s)
        entry = (execution_id, reader)
        self._readers.append(entry)
        self.open_follows += 1
        try:
            async for batch in follow(self.store.events, execution_id, after, reader):
                self._check()
                yield batch
        finally:
            self.open_follows -= 1
            self._readers.remove(entry)

    async def load_payload(self, payload_id: str) -> bytes:
        return self.store.payloads.get(payload_id)

    async def payload_bytes(self, execution_id: str) -> int:
        return 7

    async def keep_payload(self, execution_id: str, data: bytes) -> str:
        return self.store.payloads.put(execution_id, "start", data)

    async def info(self) -> dict[str, Any]:
        return {"runtime": "fake", "database": "memory", "durability_mode": "none"}

    async def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if self.down:
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "the database is away", retryable=True)


def complete(directory: FakeDirectory, record: ExecutionRecord) -> None:
    """``on_start`` for executions that end at once."""
    log = NodeLogRecord(
        execution_id=record.id, id="in#1", node_id="in", instance="in", type="input", name="", status="completed",
        attempt=1, seq=2, success=True, started_at=NOW_MS, ended_at=NOW_MS + 5, output={"name": "Ada"}, lane="inline",
    )  # fmt: skip
    directory.play(record.id, *COMPLETED, logs=[log])


class FakeWatch:
    """A Watch that is pushed what ``play`` commits."""

    def __init__(self, readers: list[tuple[str, PushedEvents]], silence_s: float) -> None:
        self._readers = readers
        self._reader = PushedEvents(silence_s=silence_s)

    def look_at(self, execution_ids: Iterable[str]) -> None:
        self.close()
        self._readers.extend((execution_id, self._reader) for execution_id in execution_ids)

    async def wait(self) -> bool:
        return await self._reader.wait() is not None

    def close(self) -> None:
        self._readers[:] = [entry for entry in self._readers if entry[1] is not self._reader]
