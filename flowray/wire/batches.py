"""Requests and answers about batches: one workflow, many inputs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from flowray.wire.base import Answer, ExecutionStatusName, Request
from flowray.wire.executions import ErrorBody
from flowray.wire.starts import StartOptions


class BatchRequest(Request):
    """Body of ``POST /v1/workflows/{id}/batches`` as JSON; as JSONL, each line is one row's inputs."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"inputs": [{"name": "Ada"}, {"name": "Grace"}]}]}
    )

    inputs: list[dict[str, Any]] = Field(min_length=1)
    options: StartOptions = Field(default_factory=StartOptions)


class BatchStarted(Answer):
    """Answer to a batch: ids of its executions in the order of the rows."""

    batch_id: str
    workflow_id: str
    count: int
    executions: list[str]
    status_url: str
    results_url: str


class Batch(Answer):
    """How far a batch is. ``statuses`` counts executions by status."""

    batch_id: str
    workflow_id: str | None
    count: int
    statuses: dict[str, int]
    ended: int
    percent: float
    done: bool
    created_at: datetime


class BatchResult(Answer):
    """One line of a batch's results. ``index`` is the row; lines come newest first, not in the order of the rows."""

    index: int | None
    execution_id: str
    status: ExecutionStatusName
    outputs: Any
    error: ErrorBody | None
