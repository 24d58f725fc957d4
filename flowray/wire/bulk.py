"""Requests and answers about many executions at once, and changes of metadata."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from flowray.wire.base import Answer, Request
from flowray.wire.filters import ExecutionFilter


class BulkRequest(Request):
    """What calls about many executions have in common."""

    filter: ExecutionFilter
    dry_run: bool = Field(False, description="Only say which ones would be meant.")
    limit: int = Field(200, ge=1, le=1_000, description="How many one call looks at.")
    cursor: str | None = Field(None, description="next_cursor of the call before, to go on.")


class BulkCancelRequest(BulkRequest):
    """Body of ``POST /v1/executions/cancel``. Without a status: whatever has not ended."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"filter": {"labels": {"team": "a"}}, "dry_run": True}]}
    )

    reason: str = Field("Cancelled by user", max_length=1_000)


class BulkRerunRequest(BulkRequest):
    """Body of ``POST /v1/executions/rerun``. Without a status: what has failed, crashed or timed out."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"filter": {"workflow_id": "…"}, "failed_only": True}]}
    )

    failed_only: bool = Field(False, description="Run what failed or never ran, and all that follows it.")
    idempotency_key: str | None = Field(
        None, min_length=1, max_length=200, description="With it, a repeat runs nothing twice. As the header."
    )


class BulkItem(Answer):
    """What became of one execution. ``started``: the execution that runs it again. ``error``: why nothing did."""

    id: str
    status: str
    outcome: Literal["would", "cancelling", "ended", "started", "failed"]
    started: str | None = None
    error: dict[str, Any] | None = None


class BulkResult(Answer):
    """What became of one page of executions, newest first. ``changed`` and ``failed`` count them."""

    data: list[BulkItem]
    dry_run: bool = False
    changed: int = 0
    failed: int = 0
    next_cursor: str | None = None
    has_more: bool = False


class MetadataOperationBody(Request):
    """One change of the entry ``key``; see ``PATCH /v1/executions/{id}/metadata``."""

    op: Literal["set", "delete", "append", "increment", "merge"]
    key: str = Field(min_length=1, max_length=200)
    value: Any = None


class MetadataRequest(Request):
    """Body of ``PATCH /v1/executions/{id}/metadata``: changes in order, all or none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"operations": [{"op": "increment", "key": "seen", "value": 1}]}]},
    )

    operations: list[MetadataOperationBody] = Field(min_length=1, max_length=100)


class Metadata(Answer):
    """The metadata of an execution, as it is now."""

    metadata: dict[str, Any]
