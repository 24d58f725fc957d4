"""Which executions: the filter that lists, and calls about many executions, have in common."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from flowray.wire.base import ExecutionStatusName, Request

MOST_LABELS = 64
MOST_IDS = 1_000


class ExecutionFilter(Request):
    """Which executions: those that all of this fits. ``ids`` names them one by one."""

    status: list[ExecutionStatusName] = Field(default_factory=list, description="One of these.")
    workflow_id: str | None = None
    batch_id: str | None = None
    parent_id: str | None = Field(None, description="Only what this execution has called.")
    labels: dict[str, str] = Field(default_factory=dict, max_length=MOST_LABELS, description="All of these.")
    created_after: datetime | None = Field(None, description="ISO 8601; UTC if it names no offset.")
    created_before: datetime | None = Field(None, description="ISO 8601; UTC if it names no offset.")
    ids: list[str] = Field(default_factory=list, max_length=MOST_IDS, description="One of these.")
