"""Answers about stored workflows, their findings and plans."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from flowray.wire.base import Answer


class DiagnosticBody(Answer):
    """One finding about a definition. ``pointer`` is a JSON pointer into the definition as it was sent."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    node_id: str | None = None
    pointer: str = ""
    hint: str | None = None


class Workflow(Answer):
    """A stored workflow. ``version`` grows when ``hash`` (of the definition's canonical JSON) changes."""

    id: str
    name: str
    version: int
    hash: str
    definition: dict[str, Any]
    diagnostics: list[DiagnosticBody] = []
    created_at: datetime
    updated_at: datetime


class WorkflowPage(Answer):
    """One page, newest first."""

    data: list[Workflow]
    next_cursor: str | None = None
    has_more: bool = False


class Validation(Answer):
    """Whether a definition could be saved."""

    valid: bool
    diagnostics: list[DiagnosticBody] = []


class PlanView(Answer):
    """The compiled plan, for people: nodes with dependencies, dependents, handle types, lane and segment."""

    nodes: list[dict[str, Any]] | dict[str, dict[str, Any]]
    start_nodes: list[str]
    execution_order: list[list[str]]
    readers: dict[str, list[str]]
