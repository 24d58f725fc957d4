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

    A child has the ``parent_id`` that waits for it under ``parent_key``, the ``root_id`` of the first caller, and its
    ``depth`` below that one.
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
    crash_reason: str | None = None
    cancel_reason: str | None = None
    pause: dict[str, Any] | None = None
    wake_at: int | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None
    engine_version: str = ""

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
    """Something for the owner of an execution to fold (R25): cancel, and later pause, resume, completion, timer, …"""

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


class WaitpointRecord(Record, frozen=True):
    """A place where an execution waits for an answer, found by its ``token`` (R30).

    ``status``: open, completed, timed_out or cancelled. ``token_hash`` is its SHA-256 in hex: look-ups by hash tell
    nothing about tokens by their timing. ``expected_input`` is a JSON Schema of ``data``.
    """

    id: str
    execution_id: str
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
    data: Json = None
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


class Page(Record, frozen=True):
    """One page of a listing; ``next_cursor`` is None on the last."""

    data: tuple[Any, ...]
    next_cursor: str | None = None

    @property
    def has_more(self) -> bool:
        """True if another page follows."""
        return self.next_cursor is not None
