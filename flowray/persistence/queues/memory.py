"""Queues over the dictionaries of a MemoryStore: the twin of ``queues.sql``, deciding by the same ``admission``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.memory_tables import MemoryTables
from flowray.persistence.queues.admission import (
    ALL,
    NOT_STARTED,
    Line,
    QueueLimits,
    Room,
    Waiting,
    admit,
    as_limits,
    has_expired,
    is_timed,
    line_of,
    running_at_once,
    takes_slot,
    timed,
    waiting_in_line,
)
from flowray.persistence.records import DEFAULT_WORKSPACE, ExecutionRecord, Page, QueueRecord
from flowray.persistence.records.inbox import CANCEL
from flowray.persistence.records.queues import QueueId
from flowray.persistence.writes import SUSPECT_AFTER, ClaimExecutions
from flowray.persistence.writes.queues import ConfigureQueue

LISTING = "queues"

Limits = dict[QueueId, QueueLimits]


def configure_queue(tables: MemoryTables, write: ConfigureQueue) -> None:
    """Make the queue or change it."""
    key = QueueId(write.workspace_id, write.name)
    kept = tables.queues.get(key) or QueueRecord(name=write.name, workspace_id=write.workspace_id)
    if not (write.declared and kept.overridden):
        tables.queues[key] = msgspec.structs.replace(kept, **write.values(), updated_at=write.ts)


def limited_queues(tables: MemoryTables) -> Limits:
    """Queues with limits."""
    return {queue: limits for queue, limits in as_limits(tables.queues.values()).items() if limits.is_limited}


def admit_new(tables: MemoryTables, record: ExecutionRecord) -> ExecutionRecord:
    """The record as it is inserted: owned where it may run at once, else nobody's and in line."""
    placed = timed(record, tables.clock_ms()) if is_timed(record) else record
    if placed.status == ExecutionStatus.DELAYED:
        return waiting_in_line(placed)
    if not takes_slot(placed) or placed.owner_id is None or not (limits := limited_queues(tables)):
        return running_at_once(placed)
    room, line = _room(tables, limits), line_of(placed)
    first = {waiting.line.queue_id for waiting in _lines(tables, limits) if room.has_room(waiting.line)}
    overtakes = line.queue_id in first or (ALL in limits and bool(first))
    if room.is_limited(line.queue_id) and (overtakes or not room.has_room(line)):
        return waiting_in_line(placed)
    return running_at_once(placed)


def chosen(tables: MemoryTables, write: ClaimExecutions, now: int) -> list[ExecutionRecord]:
    """The executions that this claim takes."""
    wanted = [record for record in tables.claimable(now) if _is_wanted(record, write)]
    limits = limited_queues(tables)
    if not limits:
        return wanted[: write.limit]
    room = _room(tables, limits)
    taken = [] if write.admit_only else [record for record in wanted if _needs_no_slot(tables, room, record, now)]
    taken = taken[: write.limit]
    left = [record for record in wanted if record not in taken and record.owner_id is None and takes_slot(record)]
    for record in sorted(left, key=_place):
        wants_on = record.status not in NOT_STARTED and _concerned(limits, record)
        if wants_on and len(taken) < write.limit and room.has_room(line_of(record), starting=False):
            room.take(line_of(record))
            taken.append(record)
    if write.ids is None:
        _end_delays(tables, now)
        taken += _from_line(tables, room, limits, write, [record.id for record in taken], now)
    return taken


def _is_wanted(record: ExecutionRecord, write: ClaimExecutions) -> bool:
    is_suspect = record.failed_recoveries >= SUSPECT_AFTER
    return (write.ids is None or record.id in write.ids) and write.suspects == is_suspect


def _needs_no_slot(tables: MemoryTables, room: Room, record: ExecutionRecord, now: int) -> bool:
    return (
        record.owner_id is not None
        or not takes_slot(record)
        or not room.is_limited(line_of(record).queue_id)
        or has_expired(record, now)
        or any(row.kind == CANCEL for row in tables.unconsumed(record.id))
    )


def _from_line(
    tables: MemoryTables, room: Room, limits: Limits, write: ClaimExecutions, taken: Sequence[str], now: int
) -> list[ExecutionRecord]:
    members: dict[Line, list[ExecutionRecord]] = defaultdict(list)
    for record in _in_line(tables, limits):
        is_alive = not has_expired(record, now)
        if is_alive and record.id not in taken and _is_wanted(record, write):
            members[line_of(record)].append(record)
    for line in members.values():
        line.sort(key=_place)
    return admit(room, _lines(tables, limits), write.limit - len(taken), lambda line, count: members[line][:count])


def _end_delays(tables: MemoryTables, now: int) -> None:
    for record in tables.active():
        due = record.wake_at is not None and record.wake_at <= now
        if record.status == ExecutionStatus.DELAYED and record.owner_id is None and due:
            queued = ExecutionStatus.QUEUED.value
            tables.put_execution(msgspec.structs.replace(record, status=queued, wake_at=record.expires_at))


def _room(tables: MemoryTables, limits: Limits) -> Room:
    running = Counter(
        line_of(record)
        for record in tables.active()
        if record.owner_id is not None and takes_slot(record) and _concerned(limits, record)
    )
    return Room(limits, running)


def _concerned(limits: Limits, record: ExecutionRecord) -> bool:
    return ALL in limits or line_of(record).queue_id in limits


def _in_line(tables: MemoryTables, limits: Limits) -> list[ExecutionRecord]:
    return [
        record
        for record in tables.active()
        if record.status == ExecutionStatus.QUEUED
        and record.owner_id is None
        and takes_slot(record)
        and _concerned(limits, record)
    ]


def _lines(tables: MemoryTables, limits: Limits) -> list[Waiting]:
    orders: dict[Line, int] = {}
    for record in _in_line(tables, limits):
        line = line_of(record)
        orders[line] = min(record.queue_order, orders.get(line, record.queue_order))
    served = dict.fromkeys(orders, 0)
    if any(line.key for line in orders):
        for record in tables.executions.values():
            line = line_of(record)
            if line.key and line in served:
                served[line] = max(served[line], record.admitted_at or 0)
    return [Waiting(line, order, served[line]) for line, order in orders.items()]


def _place(record: ExecutionRecord) -> tuple[int, str]:
    return record.queue_order, record.id


# -- reading ------------------------------------------------------------------------------------------------------


class MemoryQueues:
    """A QueueReader over the dictionaries."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables

    def limited(self) -> Limits:
        with self._tables.lock:
            return limited_queues(self._tables)

    def next_wake(self) -> int | None:
        with self._tables.lock:
            unowned = [record for record in self._tables.active() if record.owner_id is None]
        return min((record.wake_at for record in unowned if record.wake_at is not None), default=None)

    def get(self, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> QueueRecord | None:
        with self._tables.lock:
            return next((record for record in self._all(workspace_id) if record.name == name), None)

    def page(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        key = decode_cursor(LISTING, cursor)
        with self._tables.lock:
            found = [record for record in self._all(workspace_id) if key is None or record.name > key[1]]
        return cut_page(LISTING, found[: limit + 1], limit, lambda record: (0, record.name))

    def _all(self, workspace_id: str) -> list[QueueRecord]:
        """By name, with their counts."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for record in self._tables.active():
            if record.workspace_id == workspace_id and takes_slot(record) and record.queue:
                counts[record.queue][_kind(record)] += 1
        in_use = set(counts)
        counts[ALL.name] = sum(counts.values(), Counter())
        queues = self._tables.queues
        known = {queue.name: record for queue, record in queues.items() if queue.workspace_id == workspace_id}
        return [
            msgspec.structs.replace(
                known.get(name) or QueueRecord(name=name, workspace_id=workspace_id),
                **{kind: counts[name][kind] for kind in ("running", "waiting", "delayed")},
            )
            for name in sorted(known.keys() | in_use)
        ]


def _kind(record: ExecutionRecord) -> str:
    """What the execution counts as; ``""`` for one that waits for anything else."""
    if record.owner_id is not None:
        return "running"
    return {"queued": "waiting", "delayed": "delayed"}.get(record.status, "")
