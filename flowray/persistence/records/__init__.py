"""Rows as the rest of flowray sees them: plain structs, independent of any database. Times are ms since 1970, UTC."""

from __future__ import annotations

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Page, Record
from flowray.persistence.records.executions import EventBatch, ExecutionRecord, NodeLogRecord, SnapshotRecord, is_shared
from flowray.persistence.records.inbox import CANCEL, InboxRecord
from flowray.persistence.records.owners import OwnerRecord
from flowray.persistence.records.queues import QueueId, QueueRecord
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.records.waitpoints import WaitpointClosing, WaitpointRecord
from flowray.persistence.records.workflow_memory import MemoryRecord, MemorySize
from flowray.persistence.records.workflows import WorkflowRecord

__all__ = [
    "CANCEL",
    "DEFAULT_WORKSPACE",
    "EventBatch",
    "ExecutionRecord",
    "FiringRecord",
    "InboxRecord",
    "MemoryRecord",
    "MemorySize",
    "NodeLogRecord",
    "OwnerRecord",
    "Page",
    "QueueId",
    "QueueRecord",
    "Record",
    "SnapshotRecord",
    "TriggerRecord",
    "WaitpointClosing",
    "WaitpointRecord",
    "WorkflowRecord",
    "is_shared",
]
