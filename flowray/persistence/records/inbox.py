"""Rows of inboxes: what the owners of executions are asked for (R25)."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records.base import Record
from flowray.values import Json


class InboxRecord(Record, frozen=True):
    """Something for the owner of an execution to fold (R25): cancel, and later pause, resume, completion, timer, …

    ``origin``: from where it came, ``{via, address}``.
    """

    id: str
    execution_id: str
    kind: str
    data: Json = None
    waitpoint_id: str | None = None
    by: str | None = None
    received_at: int = 0
    claimed_epoch: int | None = None
    consumed_at: int | None = None
    outcome: str | None = None
    dedupe_key: str | None = None
    origin: dict[str, Any] | None = None


CANCEL = "cancel"
"""Kind of the inbox row that ends an execution: no limit keeps it waiting."""
