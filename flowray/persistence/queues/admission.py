"""Who of those that wait in queues may run next: limits, fair rotation and order, as pure decisions.

Counts and rows come from a store, which repeats none of this. A slot is no counter: it is a row that somebody owns.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.records import DEFAULT_WORKSPACE, ExecutionRecord, Page, QueueRecord
from flowray.persistence.records.queues import QueueId

EVERYTHING = "global"
"""Name of the queue whose limits hold for all executions together."""

INLINE = "inline"
"""Queue of executions of no stored workflow."""

NOT_STARTED = (ExecutionStatus.QUEUED.value, ExecutionStatus.DELAYED.value)


class QueueLimits(msgspec.Struct, frozen=True):
    """At most ``max_concurrent`` executions, at most ``max_per_key`` of each concurrency key; ``paused``: no starts."""

    max_concurrent: int | None = None
    max_per_key: int | None = None
    paused: bool = False

    @property
    def is_limited(self) -> bool:
        """False where executions need not be counted."""
        return self.max_concurrent is not None or self.max_per_key is not None or self.paused


NO_LIMITS = QueueLimits()


class Line(NamedTuple):
    """Executions of one queue with one concurrency key; ``""`` is no key."""

    workspace_id: str
    queue: str
    key: str

    @property
    def queue_id(self) -> QueueId:
        """The queue that it stands in."""
        return QueueId(self.workspace_id, self.queue)


ALL = QueueId(DEFAULT_WORKSPACE, EVERYTHING)


def queue_of_workflow(workflow_id: str) -> str:
    """Where the executions of a stored workflow wait, unless its definition names a queue."""
    return f"workflow:{workflow_id}"


class Room:
    """What is free, at one moment and as of what was taken since."""

    def __init__(self, limits: Mapping[QueueId, QueueLimits], running: Mapping[Line, int]) -> None:
        self._limits = limits
        self._all = limits.get(ALL, NO_LIMITS)
        self._by_line = Counter(running)
        self._by_queue: Counter[QueueId] = Counter()
        for line, count in running.items():
            self._by_queue[line.queue_id] += count
        self._total = sum(running.values())

    def is_limited(self, queue: QueueId) -> bool:
        """Executions of this queue have to be counted."""
        return self._all.is_limited or self._limits.get(queue, NO_LIMITS).is_limited

    def is_closed(self, queue: QueueId, *, starting: bool = True) -> bool:
        """Nothing of this queue may run besides what does. ``starting``: it has not run before; a pause stops only
        such."""
        limits = self._limits.get(queue, NO_LIMITS)
        return (
            (starting and (limits.paused or self._all.paused))
            or _reached(limits.max_concurrent, self._by_queue[queue])
            or _reached(self._all.max_concurrent, self._total)
        )

    def has_room(self, line: Line, *, starting: bool = True) -> bool:
        """One more of this line may run."""
        if self.is_closed(line.queue_id, starting=starting):
            return False
        per_key = self._limits.get(line.queue_id, NO_LIMITS).max_per_key
        return not (line.key and _reached(per_key, self._by_line[line]))

    def full_keys(self) -> list[Line]:
        """Lines that are at the limit of their key."""
        limits = ((line, self._limits.get(line.queue_id, NO_LIMITS).max_per_key) for line in self._by_line)
        return [line for line, limit in limits if line.key and _reached(limit, self._by_line[line])]

    def take(self, line: Line) -> None:
        """One more of this line runs."""
        self._by_line[line] += 1
        self._by_queue[line.queue_id] += 1
        self._total += 1


def _reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit


class QueueReader(Protocol):
    """What is read of queues, as committed. Thread-safe."""

    def limited(self) -> dict[QueueId, QueueLimits]:
        """Queues with limits."""
        ...

    def next_wake(self) -> int | None:
        """When the first execution that nobody owns goes on by itself, ms since the epoch."""
        ...

    def get(self, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> QueueRecord | None:
        """One that was given limits, or has executions that have not ended."""
        ...

    def page(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        """By name. Raises FlowrayError INVALID_CURSOR."""
        ...


# -- who is next --------------------------------------------------------------------------------------------------


class Waiting(NamedTuple):
    """A line with somebody in it: the order of the first, and when one of this line was last admitted (0: never)."""

    line: Line
    first_order: int
    last_admitted: int = 0


class InLine(Protocol):
    """What is asked of an execution that waits."""

    @property
    def queue_order(self) -> int:
        """When it joined, less its priority: ms since the epoch."""
        ...


R = TypeVar("R", bound=InLine)


class _Place(Generic[R]):
    """A line with its members as far as they are needed."""

    def __init__(self, waiting: Waiting, members: Callable[[], Sequence[R]]) -> None:
        self.line = waiting.line
        self.order = waiting.first_order
        self._members = members
        self._left: Iterator[R] | None = None
        self._next: R | None = None

    def pop(self) -> R | None:
        """The first who is left."""
        if self._left is None:
            self._left = iter(self._members())
            self._next = next(self._left, None)
        found, self._next = self._next, next(self._left, None)
        if self._next is not None:
            self.order = self._next.queue_order
        return found


def admit(room: Room, lines: Iterable[Waiting], limit: int, members: Callable[[Line, int], Sequence[R]]) -> list[R]:
    """Up to ``limit`` executions for which there is room, which is taken.

    Among the keys of a queue the one that was served longest ago is next, one that has just come counting as served
    then: so a key with a thousand keeps nobody waiting. Among queues, and within a key, the order decides, in which
    priority and waiting time add up. ``members(line, n)`` are the first n of a line, in order.
    """
    queues: dict[QueueId, list[_Place[R]]] = defaultdict(list)
    for waiting in sorted(lines, key=_turn):
        place = _Place(waiting, lambda line=waiting.line: members(line, limit - len(admitted)))  # type: ignore[misc]
        queues[waiting.line.queue_id].append(place)
    admitted: list[R] = []
    while len(admitted) < limit:
        for queue in [queue for queue, places in queues.items() if not places or room.is_closed(queue)]:
            del queues[queue]
        heads = [place for place in (_head(room, places) for places in queues.values()) if place is not None]
        if not heads:
            break
        place = min(heads, key=lambda head: head.order)
        places = queues[place.line.queue_id]
        places.remove(place)
        found = place.pop()
        if found is not None:
            room.take(place.line)
            admitted.append(found)
            places.append(place)
    return admitted


def _turn(waiting: Waiting) -> tuple[int, int]:
    return max(waiting.last_admitted, waiting.first_order), waiting.first_order


def _head(room: Room, places: list[_Place[R]]) -> _Place[R] | None:
    """Who is next in a queue. Room never grows meanwhile, so lines without any are left out for good."""
    while places and not room.has_room(places[0].line):
        places.pop(0)
    return places[0] if places else None


# -- what a new execution's row says ------------------------------------------------------------------------------


def line_of(record: ExecutionRecord) -> Line:
    """Where an execution waits."""
    return Line(record.workspace_id, record.queue, record.concurrency_key)


def takes_slot(record: ExecutionRecord) -> bool:
    """A child runs on its parent's slot (R13)."""
    return record.parent_id is None


def is_timed(record: ExecutionRecord) -> bool:
    """Times of the record count from its insertion, by the database's clock (R27)."""
    return record.not_before is not None or record.expires_at is not None


def timed(record: ExecutionRecord, now: int) -> ExecutionRecord:
    """The record with its delay and its time to live counted from ``now``: who asked may have another clock."""
    shift = now - record.created_at
    return msgspec.structs.replace(
        record,
        not_before=_shifted(record.not_before, shift),
        expires_at=_shifted(record.expires_at, shift),
        queued_at=_shifted(record.queued_at, shift),
        queue_order=record.queue_order + shift,
    )


def _shifted(at: int | None, shift: int) -> int | None:
    return None if at is None else at + shift


def waiting_in_line(record: ExecutionRecord) -> ExecutionRecord:
    """The record of one that may not run yet: nobody's, until a claim admits it."""
    delayed = record.status == ExecutionStatus.DELAYED
    return msgspec.structs.replace(
        record, owner_id=None, epoch=0, orchestrator_actor_id=None, log_location=None,
        wake_at=record.not_before if delayed else record.expires_at,
    )  # fmt: skip


def running_at_once(record: ExecutionRecord) -> ExecutionRecord:
    """The record of one that is owned from the start."""
    admitted_at = (record.queued_at or record.created_at) if record.concurrency_key else None
    return record if admitted_at is None else msgspec.structs.replace(record, admitted_at=admitted_at)


def has_expired(row: Any, now: int) -> bool:
    """It was not started within its time to live. One that is driven anew after a crash has been (``started_at``)."""
    is_new = row.status in NOT_STARTED and row.started_at is None
    return is_new and row.expires_at is not None and row.expires_at <= now


def as_limits(rows: Iterable[Any]) -> dict[QueueId, QueueLimits]:
    """Limits by queue, of rows or records of queues."""
    return {
        QueueId(row.workspace_id, row.name): QueueLimits(row.max_concurrent, row.max_per_key, bool(row.paused))
        for row in rows
    }
