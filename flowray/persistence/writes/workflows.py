"""Writes of workflows, and their result."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
)
from flowray.persistence.writes.base import Result, Write


class SaveWorkflow(Write, tag="save_workflow", frozen=True):
    """Insert a workflow, or replace it with version + 1. An unchanged ``hash`` changes nothing and keeps the version.

    Every version is kept, for calls that are pinned to it. ``must_exist`` refuses to create (PUT of an unknown id).
    Result: Saved, or Refused(NOT_FOUND).
    """

    id: str
    name: str
    hash: str
    definition: dict[str, Any]
    ts: int
    diagnostics: tuple[dict[str, Any], ...] = ()
    must_exist: bool = False
    created_by: str | None = None
    workspace_id: str = DEFAULT_WORKSPACE


class DeleteWorkflow(Write, tag="delete_workflow", frozen=True):
    """Remove a workflow with all its versions. Its executions and their plans stay.

    Result: Done, or Refused(NOT_FOUND).
    """

    id: str
    workspace_id: str = DEFAULT_WORKSPACE


class Saved(Result, tag="saved", frozen=True):
    """The workflow's version after the write; ``changed`` is False if its hash was the same."""

    version: int
    created_at: int
    updated_at: int
    changed: bool = True
