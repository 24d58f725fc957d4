"""Interfaces of what is kept: one journal that writes, one reader, one payload store. No database here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flowray.eventlog.log import EventLog
from flowray.persistence.callbacks.records import CallbackReader
from flowray.persistence.connections.records import ConnectionReader
from flowray.persistence.knowledge.reading import KnowledgeReader
from flowray.persistence.limits.sharing import LimitReader
from flowray.persistence.payloads.store import OwnedFiles, PayloadStore
from flowray.persistence.queues.admission import QueueReader
from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
    ExecutionRecord,
    InboxRecord,
    MemoryRecord,
    MemorySize,
    NodeLogRecord,
    OwnerRecord,
    Page,
    SnapshotRecord,
    WaitpointRecord,
    WorkflowRecord,
)
from flowray.persistence.retention.upkeep import UpkeepReader
from flowray.persistence.shared_children.calls import SharedChildReader
from flowray.persistence.triggers.reading import TriggerReader
from flowray.persistence.writes import AnyResult, AnyWrite


class Committer(Protocol):
    """Applies writes in one transaction and returns when they are durable.

    Fenced or refused writes do not spoil the others (a savepoint each). Raises FlowrayError DATABASE_UNAVAILABLE if
    nothing was, or may have been, written; callers repeat, which every write allows.
    """

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]: ...


class Journal(Protocol):
    """Group commit: writes of many callers share transactions. Thread-safe.

    ``submit`` returns at once; ``done(results, error)`` is called on the journal's thread once the group is durable,
    in the order of submission. Writes of one ``submit`` are applied in order, in one transaction.
    """

    def submit(
        self, writes: Sequence[AnyWrite], done: Callable[[list[AnyResult] | None, Exception | None], None]
    ) -> None: ...

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """Submit and wait. Raises what the group's commit raised."""
        ...

    def close(self) -> None:
        """Commit what is queued, then stop."""
        ...


class WorkflowMemoryReader(Protocol):
    """What the executions of workflows share (R17), as committed."""

    def size(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> MemorySize: ...

    def entry(self, workflow_id: str, key: str, workspace_id: str = DEFAULT_WORKSPACE) -> MemoryRecord | None: ...

    def entries(
        self,
        workflow_id: str,
        *,
        prefix: str = "",
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """By key. Raises FlowrayError INVALID_CURSOR."""
        ...


class Reader(Protocol):
    """Everything that can be read. Synchronous and thread-safe; sees every committed write of any process."""

    @property
    def events(self) -> EventLog:
        """The logs of all executions."""
        ...

    @property
    def memory(self) -> WorkflowMemoryReader:
        """What executions share with others of their workflow."""
        ...

    @property
    def knowledge(self) -> KnowledgeReader:
        """Knowledge bases."""
        ...

    @property
    def upkeep(self) -> UpkeepReader:
        """What looks after the stores."""
        ...

    @property
    def triggers(self) -> TriggerReader:
        """What starts executions, and what has."""
        ...

    @property
    def callbacks(self) -> CallbackReader:
        """What the starters of executions are told, and how far that is."""
        ...

    @property
    def shared_children(self) -> SharedChildReader:
        """Who waits for which child that is called by key."""
        ...

    @property
    def limits(self) -> LimitReader:
        """Named limits of resources, and who is under them."""
        ...

    @property
    def connections(self) -> ConnectionReader:
        """Accounts at other services, their secrets sealed."""
        ...

    @property
    def queues(self) -> QueueReader:
        """Queues of executions, and how full they are."""
        ...

    def workflow(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> WorkflowRecord | None: ...

    def workflow_version(
        self, workflow_id: str, version: int, workspace_id: str = DEFAULT_WORKSPACE
    ) -> WorkflowRecord | None:
        """The workflow as it was saved in that version, without its diagnostics."""
        ...

    def workflows(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        """Newest first; a cursor is opaque. Raises FlowrayError INVALID_CURSOR."""
        ...

    def plan(self, plan_hash: str) -> bytes | None:
        """The plan's canonical JSON."""
        ...

    def execution(self, execution_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> ExecutionRecord | None: ...

    def execution_by_id(self, execution_id: str) -> ExecutionRecord | None:
        """The execution in whatever workspace: for owners, never for the API."""
        ...

    def executions_by_ids(self, execution_ids: Sequence[str]) -> list[ExecutionRecord]:
        """Those of them that there are, in any order. As ``execution_by_id``: for owners."""
        ...

    def executions_owned_by(self, owner_id: str) -> list[str]:
        """Ids of the executions that this owner owns and that have not ended."""
        ...

    def descendants(self, root_id: str) -> int:
        """How many executions were called below this one, at any depth, those that have ended included."""
        ...

    def unread_inboxes(self, owner_id: str) -> list[str]:
        """Ids of the executions owned by this owner that have unconsumed inbox rows."""
        ...

    def executions(
        self,
        *,
        status: Sequence[str] = (),
        workflow_id: str | None = None,
        batch_id: str | None = None,
        parent_id: str | None = None,
        created_after: int | None = None,
        created_before: int | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """Newest first, keyset on (created_at, id). Raises FlowrayError INVALID_CURSOR."""
        ...

    def node_logs(
        self,
        execution_id: str,
        *,
        node_id: str | None = None,
        status: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """One NodeLogRecord per attempt, in order of their start."""
        ...

    def node_log(self, execution_id: str, log_id: str) -> NodeLogRecord | None: ...

    def inbox(self, execution_id: str) -> list[InboxRecord]:
        """Unconsumed rows, oldest first."""
        ...

    def inbox_row(self, execution_id: str, row_id: str) -> InboxRecord | None:
        """One row, consumed or not."""
        ...

    def first_received(self, execution_ids: Collection[str], prefix: str) -> dict[str, int]:
        """When the first row, consumed or not, whose id begins so came into each of these inboxes, if one did."""
        ...

    def waitpoint(self, waitpoint_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> WaitpointRecord | None: ...

    def waitpoint_by_token(self, token_hash: str) -> WaitpointRecord | None:
        """In whatever workspace: who has the token may complete it."""
        ...

    def waitpoints(
        self,
        *,
        status: str | None = None,
        execution_id: str | None = None,
        workflow_id: str | None = None,
        kind: str | None = None,
        tag: str | None = None,
        source: str | None = None,
        expires_before: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """Newest first. ``expires_before``: ms since the epoch. Raises FlowrayError INVALID_CURSOR."""
        ...

    def due_waitpoints(self) -> list[str]:
        """Ids of shared waitpoints whose time is up by the database's clock, but that are open still."""
        ...

    def snapshot(self, snapshot_id: str) -> SnapshotRecord | None: ...

    def owners(self) -> list[OwnerRecord]:
        """All owners whose lease has not ended, by the database's clock."""
        ...

    def claimable(self, suspects: bool = False) -> int:
        """How many executions ClaimExecutions would find now if no queue had limits.

        ``suspects``: only those that are taken over apart.
        """
        ...

    def now_ms(self) -> int:
        """The database's clock. Raises FlowrayError DATABASE_UNAVAILABLE: serves as the readiness check."""
        ...


@dataclass(frozen=True)
class Storage:
    """What one process reads and writes with. ``committer`` is used only where this process may write (R26).

    ``listen(heard)`` has ``heard`` called with ids of executions into whose inboxes other servers have put something;
    None where there are no other servers. It returns how to end that. ``workspaces``: the files that nodes have made.
    """

    committer: Committer
    reader: Reader
    payloads: PayloadStore
    listen: Callable[[Callable[[Sequence[str]], None]], Callable[[], None]] | None = None
    workspaces: OwnedFiles | None = None
