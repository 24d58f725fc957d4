"""The write of a large value into the database (R34)."""

from __future__ import annotations

from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
)
from flowray.persistence.writes.base import Write


class PutPayload(Write, tag="put_payload", frozen=True):
    """Keep a blob in the database. Safe to repeat. Result: Done."""

    id: str
    execution_id: str
    data: bytes
    ts: int
    workspace_id: str = DEFAULT_WORKSPACE
