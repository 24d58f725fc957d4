"""Answers about the memory that all executions of a workflow share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flowray.wire.base import Answer


class MemoryEntry(Answer):
    """One entry. ``bytes``: its value as UTF-8 JSON; ``updated_by``: the execution that changed it last."""

    key: str
    value: Any
    bytes: int
    updated_at: datetime
    updated_by: str


class MemoryPage(Answer):
    """One page of entries, by key; ``entries`` and ``bytes`` are those of the whole memory."""

    data: list[MemoryEntry]
    next_cursor: str | None = None
    has_more: bool = False
    entries: int = 0
    bytes: int = 0
