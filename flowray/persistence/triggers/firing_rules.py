"""What becomes of a firing while earlier executions of its trigger have not ended. Pure; the stores agree by it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from flowray.persistence.records.triggers import QUEUED, SKIPPED, STARTING, FiringRecord, TriggerRecord
from flowray.persistence.writes.triggers import RETRY_AFTER_MS, FireTrigger, SaveTrigger

OVERLAP_REASON = "an earlier execution has not ended"
QUEUE_FULL_REASON = "too many firings wait for their turn"
TRIGGER_GONE_REASON = "the trigger was deleted or disabled"


def may_tick(trigger: TriggerRecord, write: FireTrigger, now: int) -> bool:
    """The schedule still waits for the tick that the write is about, and it has come."""
    return (
        trigger.enabled
        and trigger.revision == write.revision
        and trigger.next_fire_at == write.expected_at
        and write.expected_at is not None
        and write.expected_at <= now
    )


def decide(
    trigger: TriggerRecord, write: FireTrigger, new: Iterable[FiringRecord], active: int, queued: int, now: int
) -> list[FiringRecord]:
    """The rows of new firings, in order. ``active``: executions that have not ended; ``queued``: firings that wait.

    A firing that comes as skipped stays so: a tick that was missed.
    """
    rows = []
    for firing in new:
        row = msgspec.structs.replace(
            firing, workflow_id=trigger.workflow_id, kind=trigger.kind, workspace_id=trigger.workspace_id, fired_at=now
        )
        if firing.status != SKIPPED:
            row = _placed(row, write, active, queued, now)
        active += row.status == STARTING and row.holds
        queued += row.status == QUEUED
        rows.append(row)
    return rows


def _placed(row: FiringRecord, write: FireTrigger, active: int, queued: int, now: int) -> FiringRecord:
    if write.overlap == "skip" and active:
        return skipped(row, OVERLAP_REASON)
    if write.overlap == "queue" and (active or queued):
        if queued >= write.max_queued:
            return skipped(row, QUEUE_FULL_REASON)
        return msgspec.structs.replace(row, status=QUEUED)
    return starting(msgspec.structs.replace(row, holds=write.overlap != "allow"), now)


def starting(row: FiringRecord, now: int) -> FiringRecord:
    """The row of a firing that is to be started now."""
    return msgspec.structs.replace(row, status=STARTING, retry_at=now + RETRY_AFTER_MS)


def skipped(row: FiringRecord, reason: str) -> FiringRecord:
    """The row of a firing of which nothing comes."""
    return msgspec.structs.replace(row, status=SKIPPED, reason=reason, payload=None, holds=False, retry_at=None)


def registered(current: TriggerRecord | None, given: TriggerRecord, ts: int) -> TriggerRecord:
    """The trigger of a node after its workflow was saved; ``current`` itself if nothing about it has changed."""
    if current is None:
        return msgspec.structs.replace(given, enabled=False, next_fire_at=None, created_at=ts, updated_at=ts)
    said = ("kind", "name", "config", "input_mapping", "topic")
    changes = {field: getattr(given, field) for field in said if getattr(given, field) != getattr(current, field)}
    if not changes:
        return current
    if current.enabled and {"kind", "config"} & changes.keys():
        changes["next_fire_at"] = given.next_fire_at
    return msgspec.structs.replace(current, **changes, revision=current.revision + 1, updated_at=ts)


def replaced(current: TriggerRecord, write: SaveTrigger) -> TriggerRecord | None:
    """The trigger after a change of ``current``; ``current`` itself for a repeat; None if another change came first.

    What the schedule has done in between is not undone, unless the change sets it anew.
    """
    revision = (write.expected_revision or 0) + 1
    changed = msgspec.structs.replace(
        write.record, revision=revision, created_at=current.created_at, last_fired_at=current.last_fired_at,
        next_fire_at=current.next_fire_at,
    )  # fmt: skip
    if changed == current:
        return current
    if current.revision != write.expected_revision:
        return None
    return msgspec.structs.replace(changed, next_fire_at=write.record.next_fire_at) if write.reschedule else changed
