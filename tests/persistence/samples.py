"""Records and writes with sensible values, and a committer that fails on demand, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord, InboxRecord, NodeLogRecord
from flowray.persistence.stores import Committer
from flowray.persistence.writes import (
    AnyResult,
    AnyWrite,
    AppendEvents,
    InsertExecution,
    InsertInbox,
    RegisterOwner,
    SaveWorkflow,
)

PLAN = b'{"nodes":{}}'


def save(workflow_id: str = "wf", **changes: Any) -> SaveWorkflow:
    fields: dict[str, Any] = {"name": "Mail", "hash": "h1", "definition": {"nodes": {}}, "ts": 1_000} | changes
    return SaveWorkflow(id=workflow_id, **fields)


def insert(execution_id: str = "e1", **changes: Any) -> InsertExecution:
    fields: dict[str, Any] = {
        "status": "queued",
        "plan_hash": "plan-1",
        "created_at": 1_000,
        "updated_at": 1_000,
    } | changes
    return InsertExecution(record=ExecutionRecord(id=execution_id, **fields), plan=PLAN)


def owned(execution_id: str = "e1", **changes: Any) -> InsertExecution:
    """As the ingress inserts it: already owned, epoch 1 (R43)."""
    return insert(execution_id, **({"owner_id": "o1", "epoch": 1} | changes))


def bodies(*types: str, ts: int = 5, **fields: Any) -> bytes:
    return msgspec.json.encode([{"type": kind, "ts": ts} | fields for kind in types])


def append(
    execution_id: str = "e1", epoch: int = 1, expected_seq: int = 0, count: int = 2, **changes: Any
) -> AppendEvents:
    types = [f"test.{expected_seq + offset + 1}" for offset in range(count)]
    fields: dict[str, Any] = {"ts": 2_000, "events": bodies(*types), "last_seq": expected_seq + count} | changes
    return AppendEvents(execution_id=execution_id, epoch=epoch, expected_seq=expected_seq, **fields)


def node_log(execution_id: str = "e1", instance: str = "a", attempt: int = 1, **changes: Any) -> NodeLogRecord:
    fields: dict[str, Any] = {
        "node_id": instance,
        "type": "llm",
        "name": "Ask",
        "status": "running",
        "seq": 1,
    } | changes
    return NodeLogRecord(
        execution_id=execution_id, id=f"{instance}#{attempt}", instance=instance, attempt=attempt, **fields
    )


def request(row_id: str = "i1", execution_id: str = "e1", **changes: Any) -> InsertInbox:
    fields: dict[str, Any] = {"kind": "cancel", "received_at": 3_000} | changes
    return InsertInbox(record=InboxRecord(id=row_id, execution_id=execution_id, **fields))


def owner(owner_id: str = "o1", **changes: Any) -> RegisterOwner:
    fields: dict[str, Any] = {"kind": "orchestrator", "generation": "g1", "lease_ms": 60_000} | changes
    return RegisterOwner(id=owner_id, **fields)


class FaultyCommitter:
    """Fails the next commits: ``before`` writing anything, or ``after`` the commit, which is a lost acknowledgement."""

    def __init__(self, committer: Committer, before: int = 0, after: int = 0) -> None:
        self.committer = committer
        self.before = before
        self.after = after
        self.groups: list[list[AnyWrite]] = []

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        self.groups.append(list(writes))
        if self.before:
            self.before -= 1
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "the test's database is away", retryable=True)
        results = self.committer.commit(writes)
        if self.after:
            self.after -= 1
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "the test lost the acknowledgement", retryable=True)
        return results
