"""Rows of the processes that own executions (R27)."""

from __future__ import annotations

from flowray.persistence.records.base import Record


class OwnerRecord(Record, frozen=True):
    """A process that owns executions, and until when (database clock, R27)."""

    id: str
    kind: str
    generation: str
    lease_until: int
    actor_name: str | None = None
    actor_id: str | None = None
    host: str = ""
    pid: int = 0
    log_location: str | None = None
