"""Writes of inboxes: what executions are asked for (R25)."""

from __future__ import annotations

from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
    InboxRecord,
)
from flowray.persistence.writes.base import Write


class InsertInbox(Write, tag="insert_inbox", frozen=True):
    """Put a row into the inbox after locking the execution row (R25). Safe to repeat with the same dedupe key.

    Result: Inserted, Existing (same dedupe key), Refused(NOT_FOUND), or Refused(EXECUTION_ENDED) with its status.
    """

    record: InboxRecord
    workspace_id: str = DEFAULT_WORKSPACE
