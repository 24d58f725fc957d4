"""Rows of executions, and of what is recorded of each: attempts, events, snapshots."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Record
from flowray.values import Value


class ExecutionRecord(Record, frozen=True):
    """One execution: what was asked, who owns it, and its state as of ``last_seq``, projected from its events.

    ``pause``: ``{reason, by, at}`` of a pause that somebody asked for. ``wake_at``: when one that nobody owns goes on
    by itself, ms since the epoch (R32).

    ``selection`` is the JSON of the Selection with which it is to start; None once it has started.

    ``epoch`` is the fencing number of the present owner (R22). ``progress``, ``usage``, ``error`` and ``waiting_for``
    have the shapes of the HTTP contract. ``partial``: outputs of a failed or cancelled execution.

    ``recoveries``: how often it was taken over from an owner that died; ``failed_recoveries``: how many owners in a row
    died before it went on (R28).

    ``callback``: whom its starter wants to be told, ``{url, events, secret?}`` with the statuses to tell.

    ``retain_until``: when it may be deleted at the earliest if its workflow says so, ms since the epoch.

    It waits in ``queue`` since ``queued_at``, in the order of ``queue_order``, which is that time less its priority.
    Nobody starts it before ``not_before``, nor from ``expires_at`` on; ``admitted_at`` is when somebody last took it
    up. A repeat of ``idempotency_key`` finds it until ``idempotency_expires_at``.

    A child has the ``parent_id`` that waits for it under ``parent_key``, the ``root_id`` of the first caller, and its
    ``depth`` below that one. A shared child has the ``parent_id`` of who called it first, and neither key nor root.
    """

    id: str
    status: str
    plan_hash: str
    workflow_id: str | None = None
    workflow_version: int | None = None
    workflow_name: str = ""
    workspace_id: str = DEFAULT_WORKSPACE
    created_by: str | None = None
    inputs: dict[str, Any] = {}
    options: dict[str, Any] = {}
    outputs: Value = None
    partial: bool = False
    error: dict[str, Any] | None = None
    errors: tuple[dict[str, Any], ...] = ()
    handled_errors: tuple[dict[str, Any], ...] = ()
    progress: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    waiting_for: tuple[dict[str, Any], ...] = ()
    labels: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    trigger: str | None = None
    parent_id: str | None = None
    parent_key: str | None = None
    root_id: str | None = None
    depth: int = 0
    rerun_of: str | None = None
    selection: dict[str, Any] | None = None
    batch_id: str | None = None
    deadline_at: int | None = None
    created_at: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    updated_at: int = 0
    last_seq: int = 0
    epoch: int = 0
    owner_id: str | None = None
    orchestrator_actor_id: str | None = None
    log_location: str | None = None
    snapshot_id: str | None = None
    recoveries: int = 0
    failed_recoveries: int = 0
    crash_reason: str | None = None
    cancel_reason: str | None = None
    pause: dict[str, Any] | None = None
    wake_at: int | None = None
    retain_until: int | None = None
    callback: dict[str, Any] | None = None
    idempotency_key: str | None = None
    idempotency_expires_at: int | None = None
    request_hash: str | None = None
    engine_version: str = ""
    queue: str = ""
    concurrency_key: str = ""
    queued_at: int | None = None
    queue_order: int = 0
    not_before: int | None = None
    expires_at: int | None = None
    admitted_at: int | None = None

    @property
    def payload_owner(self) -> str:
        """Under whose id large values are kept: a whole family keeps them under the first caller's (R36)."""
        return self.root_id or self.id


class NodeLogRecord(Record, frozen=True):
    """One attempt of one node instance. ``id`` is ``<instance>#<attempt>``, unique within its execution.

    ``status``: ``stepped`` for one that has done a step and that another one follows. A wait between two steps is an
    entry of its own, ``<instance>#<attempt>.wait``.
    """

    execution_id: str
    id: str
    node_id: str
    instance: str
    type: str
    name: str
    status: str
    attempt: int
    seq: int = 0
    success: bool | None = None
    started_at: int | None = None
    ended_at: int | None = None
    input: Value = None
    output: Value = None
    error: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    stream_id: str | None = None
    lane: str = ""


class EventBatch(Record, frozen=True):
    """The events of one commit of one execution, numbered ``first_seq`` to ``last_seq``; ``events`` is a JSON array."""

    execution_id: str
    first_seq: int
    last_seq: int
    epoch: int
    events: bytes


class SnapshotRecord(Record, frozen=True):
    """The state of an execution after its event ``seq``, as versioned JSON (``engine.snapshot``). One is kept."""

    id: str
    execution_id: str
    seq: int
    version: int
    data: bytes
    created_at: int


def is_shared(record: Any) -> bool:
    """Whether an execution (a record or a row) is a child that any number of others may wait for."""
    return record.parent_id is not None and record.parent_key is None
