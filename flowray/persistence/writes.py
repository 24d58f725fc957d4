"""Everything that can be written, as data. A journal applies writes in transactions; nobody writes in any other way.

Writes are data because on SQLite exactly one process writes (R26): the others send their writes to it. Each write has
one result type; a refused write is a result, not an exception, so that one refusal never spoils a group commit.
"""

from __future__ import annotations

import uuid
from typing import Any, TypeAlias

import msgspec

from flowray.engine.signals import VariableOperation
from flowray.persistence.callback_writes import ClaimCallbacks, ClaimedCallbacks, RedeliverCallback, SettleCallback
from flowray.persistence.import_writes import ImportExecution
from flowray.persistence.limit_writes import DeleteLimit, SaveLimit, Shared, ShareLimits
from flowray.persistence.metadata_writes import ChangeMetadata, MetadataChanged
from flowray.persistence.queue_writes import ConfigureQueue
from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
    ExecutionRecord,
    InboxRecord,
    NodeLogRecord,
    SnapshotRecord,
    WaitpointClosing,
    WaitpointRecord,
)
from flowray.persistence.retention_writes import (
    Collected,
    CollectOrphans,
    Deleted,
    DeleteExecutions,
    Purged,
    PurgeExecutions,
)
from flowray.persistence.shared_children import JoinChild
from flowray.persistence.spent_writes import CollectSpent, CollectValues, Spent
from flowray.persistence.trigger_writes import AnyTriggerWrite, Fired, Pruned
from flowray.persistence.waitpoint_writes import (
    Closed,
    CompleteWaitpoint,
    CreateWaitpoint,
    Expired,
    ExpireWaitpoints,
)
from flowray.persistence.write_base import Result, Write


class SaveWorkflow(Write, tag="save_workflow", frozen=True):
    """Insert a workflow, or replace it with version + 1. An unchanged ``hash`` changes nothing and keeps the version.

    Every version is kept, for calls that are pinned to it. ``must_exist`` refuses to create (PUT of an unknown id).
    Result: Saved, or Refused(NOT_FOUND).
    """

    id: str
    name: str
    hash: str
    definition: dict[str, Any]
    ts: int
    diagnostics: tuple[dict[str, Any], ...] = ()
    must_exist: bool = False
    created_by: str | None = None
    workspace_id: str = DEFAULT_WORKSPACE


class DeleteWorkflow(Write, tag="delete_workflow", frozen=True):
    """Remove a workflow with all its versions. Its executions and their plans stay.

    Result: Done, or Refused(NOT_FOUND).
    """

    id: str
    workspace_id: str = DEFAULT_WORKSPACE


class InsertExecution(Write, tag="insert_execution", frozen=True):
    """Insert an execution and, unless present, its plan, in one transaction.

    If ``record.idempotency_key`` is taken within (workspace, workflow), nothing is inserted and the result is
    Existing; the caller compares request hashes. A key that is spent (``idempotency``) goes to the new one. One that is
    delayed, or of a queue without a free slot, is inserted as nobody's, whatever the record says, and waits in line;
    its delay and its time to live count from now. ``parent_epoch``: of a child, the epoch under which its parent asks
    for it; if the parent has ended or has another owner by now, the result is Fenced (R19, R22). ``shared_key``: of a
    shared child (``shared_children``), the key of the call by which its parent waits for it. Result: Inserted,
    Existing or Fenced.
    """

    record: ExecutionRecord
    plan: bytes
    parent_epoch: int | None = None
    shared_key: str | None = None


class MemoryChanges(msgspec.Struct, frozen=True):
    """What the events of one commit do to the memory of their workflow, in order (R17)."""

    workflow_id: str
    operations: tuple[VariableOperation, ...]


class AppendEvents(Write, tag="append_events", frozen=True):
    """Append one commit's events and what they imply, fenced by a compare-and-set on epoch and last seq (R22).

    ``changes`` are columns of ExecutionRecord to set. ``consumed`` are inbox ids folded by these events; they are
    marked in the same transaction (R25). ``release`` gives up ownership. ``refuse_on_inbox``: if the execution has an
    unconsumed inbox row of this kind that is not among ``consumed``, nothing is written and the result is Pending
    (R35). ``waitpoints`` are opened (one that is there already stays as it is), ``closed_waitpoints`` closed unless
    they are; ``close_waitpoints`` cancels all that are still open. ``snapshot`` replaces the one before. ``outbox``
    are rows for the inboxes of other executions, inserted in the same transaction: the end of a child for its parent, a
    cancellation for a child. One whose execution is unknown or has ended, or whose dedupe key is taken, is left out.
    ``memory`` is applied to the workflow's memory in the same transaction, whatever its limits.
    ``last_seq == expected_seq`` with the events ``[]`` changes columns without an event. A repeat of what has been
    written answers Done. ``reopened_waitpoints``: those that a crash at this time cancelled are open again.
    Result: Done, Fenced, Pending.
    """

    execution_id: str
    epoch: int
    expected_seq: int
    last_seq: int
    ts: int
    events: bytes
    changes: dict[str, Any] = {}
    node_logs: tuple[NodeLogRecord, ...] = ()
    consumed: tuple[str, ...] = ()
    release: bool = False
    refuse_on_inbox: str | None = None
    waitpoints: tuple[WaitpointRecord, ...] = ()
    closed_waitpoints: tuple[WaitpointClosing, ...] = ()
    close_waitpoints: bool = False
    reopened_waitpoints: int | None = None
    snapshot: SnapshotRecord | None = None
    outbox: tuple[InboxRecord, ...] = ()
    memory: MemoryChanges | None = None


class InsertInbox(Write, tag="insert_inbox", frozen=True):
    """Put a row into the inbox after locking the execution row (R25). Safe to repeat with the same dedupe key.

    Result: Inserted, Existing (same dedupe key), Refused(NOT_FOUND), or Refused(EXECUTION_ENDED) with its status.
    """

    record: InboxRecord
    workspace_id: str = DEFAULT_WORKSPACE


class RegisterOwner(Write, tag="register_owner", frozen=True):
    """Announce an owner process with a lease of ``lease_ms`` from now (database clock). Result: Leased.

    ``supersedes``: owners of the same actor name, host and a pid in this tuple are known dead; their leases end now.
    """

    id: str
    kind: str
    generation: str
    lease_ms: int
    actor_name: str | None = None
    actor_id: str | None = None
    host: str = ""
    pid: int = 0
    log_location: str | None = None
    supersedes: tuple[str, ...] = ()


class RenewLease(Write, tag="renew_lease", frozen=True):
    """Extend a lease that has not ended. Result: Leased, or Fenced if it has ended: the owner must stop."""

    id: str
    lease_ms: int


class ReleaseOwner(Write, tag="release_owner", frozen=True):
    """End a lease now, at an orderly stop; its executions can be claimed at once. Result: Done."""

    id: str


SUSPECT_AFTER = 2
"""After so many owners that died with it in a row, an execution is taken over apart from the others (R28)."""


class ClaimExecutions(Write, tag="claim_executions", frozen=True):
    """Take over up to ``limit`` executions that nobody owns: queued, unowned with unconsumed inbox rows, or their
    owner's lease has ended (R25, R28, R43). Each claim raises the epoch; taking over a started one whose owner died
    raises ``recoveries``, taking over any from an owner that died ``failed_recoveries``. Those that have lost
    ``SUSPECT_AFTER`` owners in a row are claimed with ``suspects`` only, and nothing else is. Of queues with limits
    it takes no more than there are slots; ``admit_only`` looks at nothing else. ``ids`` restricts the choice.
    An owner without a live lease gets nothing. ``claim_id`` is unique to the claim, so that a repeat after a lost
    acknowledgement finds again what it has already claimed. Result: Claimed.
    """

    owner_id: str
    limit: int = 100
    ids: tuple[str, ...] | None = None
    suspects: bool = False
    admit_only: bool = False
    claim_id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)


class ClearMemory(Write, tag="clear_memory", frozen=True):
    """Remove an entry of a workflow's memory, or without ``key`` all of them. Result: Done, also if there was none."""

    workflow_id: str
    ts: int
    key: str | None = None
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """The memory."""
        return (f"memory {self.workflow_id}",)


class PutPayload(Write, tag="put_payload", frozen=True):
    """Keep a blob in the database. Safe to repeat. Result: Done."""

    id: str
    execution_id: str
    data: bytes
    ts: int
    workspace_id: str = DEFAULT_WORKSPACE


AnyWrite: TypeAlias = (
    JoinChild | DeleteExecutions | PurgeExecutions | CollectOrphans |
    CollectSpent | CollectValues |
    CreateWaitpoint | CompleteWaitpoint | ExpireWaitpoints | ChangeMetadata | ImportExecution
    | SaveWorkflow | DeleteWorkflow | InsertExecution | AppendEvents | InsertInbox | RegisterOwner | RenewLease
    | ReleaseOwner | ClaimExecutions | PutPayload | ClearMemory | ConfigureQueue
    | SaveLimit | DeleteLimit | ShareLimits | ClaimCallbacks | SettleCallback | RedeliverCallback | AnyTriggerWrite
)  # fmt: skip


class Done(Result, tag="done", frozen=True):
    """Written. ``inbox`` are rows that came into the execution's own inbox with it: waits that were over as they
    began. ``told``: executions into whose inboxes it has put the end of a shared child.
    """

    inbox: tuple[InboxRecord, ...] = ()
    told: tuple[str, ...] = ()


class Saved(Result, tag="saved", frozen=True):
    """The workflow's version after the write; ``changed`` is False if its hash was the same."""

    version: int
    created_at: int
    updated_at: int
    changed: bool = True


class Inserted(Result, tag="inserted", frozen=True):
    """The row stands: it is new, or a repeat of one whose acknowledgement was lost. ``status`` is the execution's.

    ``elsewhere``: it stood already and is not (or no longer) the given owner's under the given epoch. Who inserted it
    must not drive it: a late write of a dead owner and its repeat at another one are both first epochs (R22).
    """

    id: str
    status: str = ""
    elsewhere: bool = False


class Existing(Result, tag="existing", frozen=True):
    """A row with the same key was there before."""

    id: str
    request_hash: str | None = None
    status: str = ""


class Refused(Result, tag="refused", frozen=True):
    """Nothing was written. ``code`` is an ErrorCode."""

    code: str
    detail: str = ""


class Fenced(Result, tag="fenced", frozen=True):
    """Nothing was written: somebody else owns the execution, or has appended. The caller must stop working on it."""


class Pending(Result, tag="pending", frozen=True):
    """Nothing was written: unconsumed inbox rows must be folded first."""

    inbox: tuple[InboxRecord, ...] = ()


class Leased(Result, tag="leased", frozen=True):
    """The lease ends at ``lease_until``; ``now`` is the database's clock at the write. Both ms since the epoch."""

    lease_until: int
    now: int


class Claim(msgspec.Struct, frozen=True):
    """One claimed execution: fold its log up to ``last_seq``, then write under ``epoch``.

    ``failures``: how many owners in a row have died with it, this takeover's included. ``expired``: it was not started
    within its time to live, and now never is.
    """

    execution_id: str
    epoch: int
    last_seq: int
    recovery: bool
    failures: int = 0
    expired: bool = False


class Claimed(Result, tag="claimed", frozen=True):
    """What was claimed."""

    claims: tuple[Claim, ...] = ()


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
