"""An execution's log with the logs of its children in it, at any depth: one sequence with one cursor (R19, R33).

A child's events come after the ``child.started`` of its parent and before the ``child.ended``, so a cursor names only
the children that run at its place: ``12`` has none, ``12;7:40;7.3:2`` has one that was started by event 7 and is at its
own event 40, which has one in turn. Following live is the API's; this reads what is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from flowray.engine.events import TERMINAL_EVENTS
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import EventLog, RecordedEvent

CURSOR = r"\d{1,18}(;\d{1,18}(\.\d{1,18})*:\d{1,18})*"
"""A regular expression for the text of a cursor."""

STARTED, ENDED = "child.started", "child.ended"

_is_cursor = re.compile(CURSOR).fullmatch

Path = tuple[int, ...]
"""The events that started a child, its parent, and so on, from the root's down."""


class FamilyEvent(NamedTuple):
    """An event of one member, and the cursor with which a reader goes on after it."""

    cursor: str
    execution_id: str
    event: RecordedEvent


@dataclass
class _Member:
    execution_id: str
    path: Path = ()
    after: int = 0
    over: bool = False
    children: dict[int, _Member] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """All of it was delivered, and all below it."""
        return self.over and all(child.done for child in self.children.values())

    def open(self) -> Iterator[_Member]:
        """Itself and the members below it that are not done, in the order of their starts."""
        if not self.done:
            yield self
        for child in self.children.values():
            yield from child.open()

    def child(self, execution_id: object) -> _Member | None:
        """The open child of that id."""
        return next((child for child in self.children.values() if child.execution_id == execution_id), None)


class FamilyLog:
    """Reads on from a cursor. Synchronous; not thread-safe. Raises INVALID_CURSOR for a cursor of another log."""

    def __init__(self, log: EventLog, execution_id: str, cursor: str = "0") -> None:
        self._log = log
        self._root = _Member(execution_id)
        self._restore(cursor)

    @property
    def cursor(self) -> str:
        """Where a reader stands that has seen everything delivered so far."""
        parts = [str(self._root.after)]
        for member in self._root.open():
            if member.path:
                parts.append(f"{'.'.join(map(str, member.path))}:{member.after}")
        return ";".join(parts)

    @property
    def after(self) -> int:
        """The last event of the first caller's own that was delivered."""
        return self._root.after

    @property
    def ended(self) -> bool:
        """Nothing can follow: the execution and all its children have ended and were delivered."""
        return self._root.done

    @property
    def open_ids(self) -> list[str]:
        """The executions of which more is to come."""
        return [member.execution_id for member in self._root.open() if not member.over]

    def read(self, limit: int) -> list[FamilyEvent]:
        """Up to ``limit`` events; fewer only at the present end of all logs."""
        found: list[FamilyEvent] = []
        self._advance(self._root, found, limit)
        return found

    def _advance(self, member: _Member, found: list[FamilyEvent], limit: int) -> None:
        while not member.over and len(found) < limit:
            # The log may hand out more, in whole commits.
            events = self._log.read(member.execution_id, member.after, limit - len(found))
            for event in events:
                if len(found) >= limit or not self._take(member, event, found, limit):
                    return
            if not events:
                break
        for child in list(member.children.values()):
            self._advance(child, found, limit)
        member.children = {seq: child for seq, child in member.children.items() if not child.done}

    def _take(self, member: _Member, event: RecordedEvent, found: list[FamilyEvent], limit: int) -> bool:
        """Deliver an event; False if there is no room for it after what must come before it."""
        if event.type == ENDED and (child := member.child(event.body.get("child_id"))) is not None:
            self._advance(child, found, limit)
            if len(found) >= limit:
                return False
            if child.done:
                del member.children[child.path[-1]]
        member.after = event.seq
        if event.type == STARTED:
            path = (*member.path, event.seq)
            member.children[event.seq] = _Member(str(event.body.get("child_id")), path)
        member.over = event.type in TERMINAL_EVENTS
        found.append(FamilyEvent(self.cursor, member.execution_id, event))
        return True

    # -- going on -------------------------------------------------------------------------------------------------

    def _restore(self, cursor: str) -> None:
        if not _is_cursor(cursor):
            raise _invalid(cursor)
        root, *entries = cursor.split(";")
        self._root.after = int(root)
        self._root.over = self._is_over(self._root)
        for entry in entries:
            path_text, _, after = entry.partition(":")
            *above, started_by = map(int, path_text.split("."))
            parent: _Member | None = self._root
            for seq in above:
                parent = parent.children.get(seq) if parent is not None else None
            if parent is None:
                raise _invalid(cursor)
            found = self._log.read(parent.execution_id, started_by - 1, 1) if 0 < started_by <= parent.after else []
            if not found or found[0].seq != started_by or found[0].type != STARTED:
                raise _invalid(cursor)
            child = _Member(str(found[0].body.get("child_id")), (*parent.path, started_by), int(after))
            child.over = self._is_over(child)
            parent.children[started_by] = child

    def _is_over(self, member: _Member) -> bool:
        """Whether its last delivered event was its last."""
        last = self._log.read(member.execution_id, member.after - 1, 1) if member.after > 0 else []
        return bool(last) and last[0].seq == member.after and last[0].type in TERMINAL_EVENTS


def _invalid(cursor: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_CURSOR,
        f"{cursor[:60]!r} is not a cursor of this execution's events with those of its children",
        hint="send back the id of the last frame, or the cursor of the last event, unchanged",
    )
