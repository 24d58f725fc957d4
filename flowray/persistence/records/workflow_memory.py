"""Rows of the memory that executions of a workflow share (R17)."""

from __future__ import annotations

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Record
from flowray.values import Json


class MemoryRecord(Record, frozen=True):
    """One entry of the memory that all executions of a workflow share (R17).

    ``bytes``: its value as UTF-8 JSON. ``updated_by``: the execution that changed it last.
    """

    workflow_id: str
    key: str
    value: Json
    bytes: int
    updated_at: int
    updated_by: str
    workspace_id: str = DEFAULT_WORKSPACE


class MemorySize(Record, frozen=True):
    """How much a workflow's memory holds; ``bytes`` of values, keys not counted."""

    entries: int = 0
    bytes: int = 0
