"""Rows as the rest of flowray sees them: plain structs, independent of any database. Times are ms since 1970, UTC."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.values import Json, Value

DEFAULT_WORKSPACE = "default"


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Base of all records: frozen, crosses process borders as msgpack or JSON."""


class WorkflowRecord(Record, frozen=True):
    """The present version of a workflow. ``hash`` is that of the definition's canonical JSON."""

    id: str
    name: str
    version: int
    hash: str
    definition: dict[str, Any]
    diagnostics: tuple[dict[str, Any], ...] = ()
    created_at: int = 0
    updated_at: int = 0
    created_by: str | None = None
    workspace_id: str = DEFAULT_WORKSPACE


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
    """One attempt of one node instance. ``id`` is ``<instance>#<attempt>``, unique within its execution."""

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


class InboxRecord(Record, frozen=True):
    """Something for the owner of an execution to fold (R25): cancel, and later pause, resume, completion, timer, …

    ``origin``: from where it came, ``{via, address}``.
    """

    id: str
    execution_id: str
    kind: str
    data: Json = None
    waitpoint_id: str | None = None
    by: str | None = None
    received_at: int = 0
    claimed_epoch: int | None = None
    consumed_at: int | None = None
    outcome: str | None = None
    dedupe_key: str | None = None
    origin: dict[str, Any] | None = None


class WaitpointRecord(Record, frozen=True):
    """A place where an execution waits for an answer, found by its ``token`` (R30).

    ``status``: open, completed, timed_out or cancelled. ``token_hash`` is its SHA-256 in hex: look-ups by hash tell
    nothing about tokens by their timing. ``expected_input`` is a JSON Schema of ``data``. A shared one has no
    ``execution_id``: it stands for itself, perhaps with a ``name``, and any number of others wait for it. ``source``
    is what else than its own token answers this one: a shared waitpoint or an event, which ``filter`` must fit
    (``engine.waitpoint_sources``). ``completed_from``: from where the answer came, ``{via, address}``.
    """

    id: str
    execution_id: str | None
    kind: str
    status: str
    created_at: int
    instance: str = ""
    node_id: str = ""
    token: str = ""
    token_hash: str = ""
    reason: str | None = None
    prompt: Json = None
    expected_input: dict[str, Any] | None = None
    expires_at: int | None = None
    completed_at: int | None = None
    completed_by: str | None = None
    completed_from: dict[str, Any] | None = None
    data: Json = None
    name: str | None = None
    source: str | None = None
    filter: dict[str, Any] | None = None
    tags: tuple[str, ...] = ()
    request_hash: str | None = None
    workspace_id: str = DEFAULT_WORKSPACE


class WaitpointClosing(Record, frozen=True):
    """How a waitpoint ended: ``completed`` with ``data``, ``timed_out`` or ``cancelled``."""

    id: str
    status: str
    data: Json = None
    by: str | None = None


class SnapshotRecord(Record, frozen=True):
    """The state of an execution after its event ``seq``, as versioned JSON (``engine.snapshot``). One is kept."""

    id: str
    execution_id: str
    seq: int
    version: int
    data: bytes
    created_at: int


class MemoryRecord(Record, frozen=True):
    """One entry of the memory that all executions of a workflow share (R17).

    ``bytes``: its value as UTF-8 JSON. ``updated_by``: the execution that changed it last.
    """

    workflow_id: str
    key: str
    value: Json
    bytes: int
    updated_at: int
    updated_by: str
    workspace_id: str = DEFAULT_WORKSPACE


class MemorySize(Record, frozen=True):
    """How much a workflow's memory holds; ``bytes`` of values, keys not counted."""

    entries: int = 0
    bytes: int = 0


class OwnerRecord(Record, frozen=True):
    """A process that owns executions, and until when (database clock, R27)."""

    id: str
    kind: str
    generation: str
    lease_until: int
    actor_name: str | None = None
    actor_id: str | None = None
    host: str = ""
    pid: int = 0
    log_location: str | None = None


class QueueRecord(Record, frozen=True):
    """A queue: its limits, and who is in it. ``overridden``: definitions no longer set its limits, somebody has.

    ``running`` counts those that hold a slot, ``waiting`` those that wait for one, ``delayed`` those whose time is yet
    to come. ``updated_at`` is 0 for one that has executions but was never given limits.
    """

    name: str
    max_concurrent: int | None = None
    max_per_key: int | None = None
    paused: bool = False
    overridden: bool = False
    running: int = 0
    waiting: int = 0
    delayed: int = 0
    updated_at: int = 0
    workspace_id: str = DEFAULT_WORKSPACE


class Page(Record, frozen=True):
    """One page of a listing; ``next_cursor`` is None on the last."""

    data: tuple[Any, ...]
    next_cursor: str | None = None

    @property
    def has_more(self) -> bool:
        """True if another page follows."""
        return self.next_cursor is not None
