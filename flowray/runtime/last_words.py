"""What the end of an execution that nobody can take over tells others: its row says whom, its log may be broken."""

from __future__ import annotations

import logging

from flowray.engine.commands import StopChild
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import FlowrayError
from flowray.persistence.records import InboxRecord
from flowray.persistence.records.executions import is_shared
from flowray.persistence.stores import Reader
from flowray.persistence.writes import Claim
from flowray.runtime.children import cancel_row, crash_row

logger = logging.getLogger(__name__)

MOST_CHILDREN = 1_000
"""Children that are cancelled if their parent cannot even be folded."""


def last_words(reader: Reader, claim: Claim, reason: str) -> tuple[InboxRecord, ...]:
    """What a crash tells others: the parent hears of it, the children are cancelled."""
    try:
        record = reader.execution_by_id(claim.execution_id)
    except Exception as error:
        if isinstance(error, FlowrayError):
            raise
        logger.exception("flowray: the row of execution %s cannot be read; it ends alone", claim.execution_id)
        return ()
    if record is None:
        return ()
    called = reader.executions(parent_id=record.id, workspace_id=record.workspace_id, limit=MOST_CHILDREN)
    rows = [
        cancel_row(record.id, StopChild("", child.parent_key, "the execution that called it crashed"))
        for child in called.data
        if child.status not in TERMINAL_EXECUTION and not is_shared(child)
    ]
    end = crash_row(record, reason, claim.last_seq + 1)
    return tuple(rows) if end is None else (*rows, end)
