"""Everything that can be written, as data. A journal applies writes in transactions; nobody writes in any other way.

Writes are data because on SQLite exactly one process writes (R26): the others send their writes to it. Each write has
one result type; a refused write is a result, not an exception, so that one refusal never spoils a group commit.
"""

from __future__ import annotations

from flowray.persistence.writes.base import Result, Write
from flowray.persistence.writes.callbacks import (
    ClaimCallbacks,
    ClaimedCallback,
    ClaimedCallbacks,
    RedeliverCallback,
    SettleCallback,
)
from flowray.persistence.writes.codec import (
    AnyResult,
    AnyWrite,
    decode_results,
    decode_writes,
    encode_results,
    encode_writes,
)
from flowray.persistence.writes.executions import AppendEvents, InsertExecution
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.inbox import InsertInbox
from flowray.persistence.writes.limits import (
    DeleteLimit,
    LimitAsk,
    LimitEnd,
    LimitPause,
    SaveLimit,
    Shared,
    ShareLimits,
)
from flowray.persistence.writes.metadata import ChangeMetadata, MetadataChanged, MetadataOperation
from flowray.persistence.writes.owners import (
    SUSPECT_AFTER,
    Claim,
    Claimed,
    ClaimExecutions,
    Leased,
    RegisterOwner,
    ReleaseOwner,
    RenewLease,
)
from flowray.persistence.writes.payloads import PutPayload
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.persistence.writes.results import Done, Existing, Fenced, Inserted, Pending, Refused
from flowray.persistence.writes.retention import (
    Collected,
    CollectOrphans,
    Deleted,
    DeleteExecutions,
    Purged,
    PurgeExecutions,
)
from flowray.persistence.writes.shared_children import JoinChild
from flowray.persistence.writes.spent import CollectSpent, CollectValues, Spent
from flowray.persistence.writes.triggers import (
    DeleteTrigger,
    Fired,
    FireTrigger,
    PromoteFiring,
    Pruned,
    PruneFirings,
    RegisterTriggers,
    SaveTrigger,
    SettleFiring,
)
from flowray.persistence.writes.waitpoints import Closed, CompleteWaitpoint, CreateWaitpoint, Expired, ExpireWaitpoints
from flowray.persistence.writes.workflow_memory import ClearMemory, MemoryChanges
from flowray.persistence.writes.workflows import DeleteWorkflow, Saved, SaveWorkflow

__all__ = [
    "SUSPECT_AFTER",
    "AnyResult",
    "AnyWrite",
    "AppendEvents",
    "ChangeMetadata",
    "Claim",
    "ClaimCallbacks",
    "ClaimExecutions",
    "Claimed",
    "ClaimedCallback",
    "ClaimedCallbacks",
    "ClearMemory",
    "Closed",
    "CollectOrphans",
    "CollectSpent",
    "CollectValues",
    "Collected",
    "CompleteWaitpoint",
    "ConfigureQueue",
    "CreateWaitpoint",
    "DeleteExecutions",
    "DeleteLimit",
    "DeleteTrigger",
    "DeleteWorkflow",
    "Deleted",
    "Done",
    "Existing",
    "ExpireWaitpoints",
    "Expired",
    "Fenced",
    "FireTrigger",
    "Fired",
    "ImportExecution",
    "InsertExecution",
    "InsertInbox",
    "Inserted",
    "JoinChild",
    "Leased",
    "LimitAsk",
    "LimitEnd",
    "LimitPause",
    "MemoryChanges",
    "MetadataChanged",
    "MetadataOperation",
    "Pending",
    "PromoteFiring",
    "PruneFirings",
    "Pruned",
    "PurgeExecutions",
    "Purged",
    "PutPayload",
    "RedeliverCallback",
    "Refused",
    "RegisterOwner",
    "RegisterTriggers",
    "ReleaseOwner",
    "RenewLease",
    "Result",
    "SaveLimit",
    "SaveTrigger",
    "SaveWorkflow",
    "Saved",
    "SettleCallback",
    "SettleFiring",
    "ShareLimits",
    "Shared",
    "Spent",
    "Write",
    "decode_results",
    "decode_writes",
    "encode_results",
    "encode_writes",
]
