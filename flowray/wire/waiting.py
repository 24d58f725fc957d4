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


class Waitpoint(WaitingFor):
    """A place where an execution waits for an answer, or has waited. ``data`` is the answer."""

    execution_id: str
    status: Literal["open", "completed", "timed_out", "cancelled"]
    completed_at: datetime | None = None
    data: Any = None


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
