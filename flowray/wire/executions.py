"""Answers about executions, their node attempts and events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flowray.wire.base import Answer, ExecutionStatusName


class ErrorBody(Answer):
    """Why a node, and with it an execution, failed. ``details`` has secrets masked."""

    message: str
    code: str
    node_id: str | None = None
    attempt: int | None = None
    details: dict[str, Any] = {}


class Progress(Answer):
    """How far an execution is: nodes outside loops and parallels."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    running: list[str] = []
    completed_nodes: list[str] = []
    percent: float = 0


class UsageBody(Answer):
    """Tokens and cost of all language-model calls. ``estimated``: not all counts are the provider's."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    currency: str | None = None
    estimated: bool = False


class ExecutionUsage(UsageBody):
    """Tokens and cost of an execution, its sub-workflows included, and who spent them: by node id, and by model. What
    sub-workflows with several models spent is under the model ``mixed``."""

    by_node: dict[str, UsageBody] = {}
    by_model: dict[str, UsageBody] = {}


class NodeUsage(UsageBody):
    """Tokens and cost of one attempt."""

    model: str | None = None


class WaitingFor(Answer):
    """One thing that an execution waits for. ``expected_input`` is a JSON Schema of the answer, ``child_id`` the
    execution that a node of kind ``child`` has called."""

    waitpoint_id: str
    token: str | None = None
    node_id: str
    instance: str
    kind: str
    child_id: str | None = None
    reason: str | None = None
    prompt: Any = None
    expected_input: dict[str, Any] | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


class RequestedPause(Answer):
    """A pause that somebody asked for."""

    reason: str
    by: str | None = None
    at: datetime


class ExecutionStarted(Answer):
    """Answer to a start: the execution is kept, whatever happens from now on."""

    id: str
    workflow_id: str | None
    status: ExecutionStatusName
    events_url: str
    public_token: str


class Execution(Answer):
    """One execution. ``partial``: ``outputs`` are what there was when it failed or was cancelled.

    It waits in ``queue`` since ``queued_at``, starts no earlier than ``not_before``, and expires if it has not started
    by ``expires_at``.

    A value too large for an answer stands as ``{"$flowray": "stored", payload_id, bytes, length, preview}``; its full
    text is at ``/v1/executions/{id}/nodes/{instance}/output``.
    """

    id: str
    workflow_id: str | None
    workflow_version: int | None
    workflow_name: str = ""
    status: ExecutionStatusName
    inputs: dict[str, Any]
    outputs: Any
    partial: bool = False
    error: ErrorBody | None
    errors: list[ErrorBody]
    handled_errors: list[ErrorBody] = []
    progress: Progress
    usage: ExecutionUsage
    waiting_for: list[WaitingFor]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime | None = None
    deadline: datetime | None = None
    queue: str | None = None
    concurrency_key: str | None = None
    priority: int = 0
    queued_at: datetime | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    callback_url: str | None = None
    labels: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    parent_id: str | None = None
    rerun_of: str | None = None
    batch_id: str | None = None
    trigger: str | None = None
    plan_hash: str
    recoveries: int = 0
    crash_reason: str | None = None
    cancel_reason: str | None = None
    pause: RequestedPause | None = None
    last_seq: int = 0
    orchestrator_actor_id: str | None = None
    log_location: str | None = None


class ExecutionPage(Answer):
    """One page, newest first. Large outputs stand as descriptors."""

    data: list[Execution]
    next_cursor: str | None = None
    has_more: bool = False


class NodeAttempt(Answer):
    """One attempt of one node instance. ``instance`` is its scope path and node id (R52)."""

    id: str
    node_id: str
    instance: str
    type: str
    name: str = ""
    status: str
    success: bool | None
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    input: Any
    output: Any
    error: ErrorBody | None
    usage: NodeUsage | None
    stream_id: str | None
    lane: str


class NodeAttemptPage(Answer):
    """One page, in order of start."""

    data: list[NodeAttempt]
    next_cursor: str | None = None
    has_more: bool = False


class EventBody(Answer):
    """One event: the ``data`` of its SSE frame. Further fields depend on ``type``."""

    seq: int
    ts: datetime
    execution_id: str
    type: str
    node_id: str | None = None
    instance: str | None = None
    attempt: int | None = None


class EventPage(Answer):
    """One page of events in order. ``next_cursor`` is the ``after`` of the next page."""

    data: list[EventBody]
    next_cursor: str | None = None
    has_more: bool = False


class PublicToken(Answer):
    """A signed right to read one execution, for places that cannot set headers."""

    public_token: str
    expires_at: datetime
