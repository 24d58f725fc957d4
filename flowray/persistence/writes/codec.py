"""All writes and all results, and their form between processes (R26)."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from flowray.persistence.writes.callbacks import ClaimCallbacks, ClaimedCallbacks, RedeliverCallback, SettleCallback
from flowray.persistence.writes.connections import AnyConnectionWrite
from flowray.persistence.writes.executions import AppendEvents, InsertExecution
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.inbox import InsertInbox
from flowray.persistence.writes.knowledge import AnyKnowledgeWrite
from flowray.persistence.writes.limits import DeleteLimit, SaveLimit, Shared, ShareLimits
from flowray.persistence.writes.metadata import ChangeMetadata, MetadataChanged
from flowray.persistence.writes.owners import Claimed, ClaimExecutions, Leased, RegisterOwner, ReleaseOwner, RenewLease
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
from flowray.persistence.writes.triggers import AnyTriggerWrite, Fired, Pruned
from flowray.persistence.writes.waitpoints import Closed, CompleteWaitpoint, CreateWaitpoint, Expired, ExpireWaitpoints
from flowray.persistence.writes.workflow_memory import ClearMemory
from flowray.persistence.writes.workflows import DeleteWorkflow, Saved, SaveWorkflow

AnyWrite: TypeAlias = (
    JoinChild | DeleteExecutions | PurgeExecutions | CollectOrphans |
    CollectSpent | CollectValues |
    CreateWaitpoint | CompleteWaitpoint | ExpireWaitpoints | ChangeMetadata | ImportExecution
    | SaveWorkflow | DeleteWorkflow | InsertExecution | AppendEvents | InsertInbox | RegisterOwner | RenewLease
    | ReleaseOwner | ClaimExecutions | PutPayload | ClearMemory | ConfigureQueue
    | SaveLimit | DeleteLimit | ShareLimits | ClaimCallbacks | SettleCallback | RedeliverCallback | AnyTriggerWrite
    | AnyConnectionWrite
    | AnyKnowledgeWrite
)  # fmt: skip


AnyResult: TypeAlias = (
    Deleted | Purged | Collected | Spent |
    Done | Saved | Inserted | Existing | Refused | Fenced | Pending | Leased | Claimed | Shared | ClaimedCallbacks
    | Closed | Expired | MetadataChanged | Fired | Pruned
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder()
_writes_decoder = msgspec.msgpack.Decoder(list[AnyWrite])
_results_decoder = msgspec.msgpack.Decoder(list[AnyResult])


def encode_writes(writes: list[AnyWrite]) -> bytes:
    """For sending writes to the process that writes."""
    return _encoder.encode(writes)


def decode_writes(data: bytes) -> list[AnyWrite]:
    """Undo ``encode_writes``."""
    return _writes_decoder.decode(data)


def encode_results(results: list[AnyResult]) -> bytes:
    """For sending results back."""
    return _encoder.encode(results)


def decode_results(data: bytes) -> list[AnyResult]:
    """Undo ``encode_results``."""
    return _results_decoder.decode(data)
