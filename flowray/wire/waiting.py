"""Requests and answers about what waits: pause, resume, waitpoints, snapshots."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from flowray.wire.base import Answer, ExecutionStatusName, Request
from flowray.wire.executions import WaitingFor


class PauseRequest(Request):
    """Body of ``POST /v1/executions/{id}/pause``; may be absent."""

    reason: str = Field("Paused by user", max_length=1_000)


class ResumeRequest(Request):
    """Body of ``POST /v1/executions/{id}/resume``; may be absent."""

    data: Any = Field(None, description="The answer to a waitpoint.")
    waitpoint_id: str | None = Field(None, description="Which one: its id, or the name that a node gives it.")
    context_updates: dict[str, Any] = Field(default_factory=dict, description="Variables to set before it goes on.")


class CompleteRequest(Request):
    """Body of ``POST /v1/waitpoints/{token}/complete``."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"data": {"approved": True}}]})

    data: Any = Field(None, description="The answer, as expected_input describes it.")
    by: str | None = Field(None, max_length=200, description="Who answers; kept with it.")


class CreateWaitpointRequest(Request):
    """Body of ``POST /v1/waitpoints``; may be absent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "release-42", "timeout_ms": 3_600_000, "tags": ["release"]}]},
    )

    name: str | None = Field(None, min_length=1, max_length=200, description="By which wait nodes may mean it, too.")
    timeout_ms: int | None = Field(None, gt=0, description="How long it may be answered; 7 days if absent.")
    expected_input: dict[str, Any] | None = Field(None, description="JSON Schema of the answer.")
    reason: str | None = Field(None, max_length=1_000, description="What it is for, for people.")
    prompt: str | None = Field(None, max_length=10_000, description="What the person who answers is to do.")
    tags: list[str] = Field(default_factory=list, max_length=10, description="Short texts to find it by.")
    idempotency_key: str | None = Field(
        None, min_length=1, max_length=255, description="As the header; the header wins."
    )


class Waitpoint(WaitingFor):
    """A place where an execution waits for an answer, or has waited; or a shared one. ``data`` is the answer."""

    execution_id: str | None = Field(description="Null for a shared one, which stands for itself.")
    status: Literal["open", "completed", "timed_out", "cancelled"]
    name: str | None = None
    tags: list[str] = []
    completed_at: datetime | None = None
    completed_by: str | None = None
    completed_from: dict[str, Any] | None = Field(None, description="From where the answer came.")
    data: Any = None


class CreatedWaitpoint(Waitpoint):
    """A shared waitpoint with what answers it. ``already_created``: an earlier request has created it."""

    already_created: bool
    callback_url: str


class WaitpointPage(Answer):
    """One page, newest first."""

    data: list[Waitpoint]
    next_cursor: str | None = None
    has_more: bool = False


class Completion(Answer):
    """Answer to an answer. ``already_completed``: another one came first, and ``data`` is that one's."""

    status: Literal["completed"]
    already_completed: bool
    data: Any = None


class ExecutionDocument(Answer):
    """An execution with all that is recorded of it, for another database. ``snapshot`` is for people."""

    format: Literal["flowray.execution"]
    version: int
    exported_at: int
    snapshot: dict[str, Any]
    plan: dict[str, Any]
    execution: dict[str, Any]
    events: list[dict[str, Any]]
    node_logs: list[dict[str, Any]]
    inbox: list[dict[str, Any]]
    waitpoints: list[dict[str, Any]]
    payloads: dict[str, str] = Field(description="Stored values in base64, by id.")
    payloads_elsewhere: list[str] = Field(description="Stored values that are too large for this document.")


class Snapshot(Answer):
    """The whole state of an execution after event ``seq``: instances by status, outputs, loops, parallels.

    ``pause_context`` lists what it waits for; ``state`` is the engine's own, with a version.
    """

    version: int
    execution_id: str
    workflow_id: str | None
    plan_hash: str
    created_by: str | None
    status: ExecutionStatusName
    seq: int
    epoch: int
    started_at: int | None
    inputs: dict[str, Any]
    completed: list[str]
    pending: list[str]
    running: list[str]
    outputs: dict[str, Any]
    variables: dict[str, Any]
    loops: dict[str, Any]
    parallels: dict[str, Any]
    pause_context: list[dict[str, Any]] = Field(alias="pauseContext")
    state: dict[str, Any]
