"""How a crashed execution is set going again: one write that reopens it where its log ends. Nobody owns it then (R25).

Its next owner folds the log, crash and all, and runs again what was in flight; nodes that waited for a child, which the
crash has cancelled, call a new one.
"""

from __future__ import annotations

from flowray.engine import events as ev
from flowray.engine.statuses import EXECUTION_TRANSITIONS, ExecutionStatus, transition
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import SUSPECT_AFTER, AppendEvents


def redrive_write(record: ExecutionRecord, ts: int, by: str | None = None) -> AppendEvents:
    """Reopen ``record``, which has crashed. Fenced if anybody was faster; a repeat of the same write does no harm.

    One that has killed its owners stays a suspect: it is taken over apart, and has the rest of its chances (R28).
    Raises ValueError for an execution in another state.
    """
    status = transition(EXECUTION_TRANSITIONS, ExecutionStatus(record.status), "redrive")
    return AppendEvents(
        execution_id=record.id,
        epoch=record.epoch,
        expected_seq=record.last_seq,
        last_seq=record.last_seq + 1,
        ts=ts,
        events=ev.encode_events([ev.ExecutionRedriven(ts=ts, by=by)]),
        changes={
            "status": status.value,
            "ended_at": None,
            "crash_reason": None,
            "error": None,
            "wake_at": None,
            "failed_recoveries": min(record.failed_recoveries, SUSPECT_AFTER),
        },
        reopened_waitpoints=record.ended_at,
    )
