"""The write that brings an execution with all that is recorded of it from another database."""

from __future__ import annotations

from flowray.persistence.records import (
    EventBatch,
    ExecutionRecord,
    InboxRecord,
    NodeLogRecord,
    WaitpointRecord,
)
from flowray.persistence.writes.base import Write


class ImportExecution(Write, tag="import_execution", frozen=True):
    """Insert an execution that nobody owns, with its plan, log and all else, in one transaction.

    Its payloads are durable before (R34). Result: Inserted, or Existing if its id is taken: that may be a repeat, which
    its log tells (``runtime.exchange``).
    """

    record: ExecutionRecord
    plan: bytes
    batches: tuple[EventBatch, ...] = ()
    node_logs: tuple[NodeLogRecord, ...] = ()
    inbox: tuple[InboxRecord, ...] = ()
    waitpoints: tuple[WaitpointRecord, ...] = ()

    def touches(self) -> tuple[str, ...]:
        return (f"execution {self.record.id}",)
