"""Rows of workflows."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Record


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
