"""Places where a process may die with the worst timing, by name. Does nothing unless somebody watches, as tests do.

Each name says what is durable already and what has not happened yet; ``docs/decisions/0019-hostile-modes.md`` says what
must hold after a death there. A new way to lose something gets a new name, and with it its test.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class CrashPoint(StrEnum):
    """Where a process may die. The values are stable."""

    START_ASKED = "start-asked"
    """A start has arrived at its owner; nothing of it is durable."""

    START_DURABLE = "start-durable"
    """The new execution's row is durable; nobody drives it yet, and the caller has no answer."""

    DISPATCH = "dispatch"
    """``node.started`` is durable; the attempt has not been handed to a lane."""

    ATTEMPT_BEGUN = "attempt-begun"
    """A lane has the attempt; its handler has not been called."""

    ATTEMPT_DONE = "attempt-done"
    """The handler has returned, so its effect has happened; nobody has heard of the result."""

    COMMIT_SENT = "commit-sent"
    """Results were taken in and events decided; they are not durable."""

    COMMIT_DURABLE = "commit-durable"
    """A commit is durable; nobody was told, and nothing that depends on it was dispatched."""

    COMMIT_TOLD = "commit-told"
    """Readers were sent the events of a durable commit; nothing that depends on them was dispatched."""

    END_DURABLE = "end-durable"
    """The terminal event is durable; nobody was told."""

    TIMER_DUE = "timer-due"
    """A timer has fired; nothing of that is durable."""

    INBOX_TAKEN = "inbox-taken"
    """Requests or answers were taken from the inbox and folded; nothing of that is durable."""

    GIVEN_UP = "given-up"
    """An execution that only waits was durably given up by its owner, which has not forgotten it yet."""

    CLAIMED = "claimed"
    """An execution was durably taken over; its log has not been read."""


Watcher = Callable[[CrashPoint], None]

_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> Callable[[], None]:
    """Have ``watcher`` called, on whatever thread, each time this process gets to a point. Returns how to end that."""
    _watchers.append(watcher)
    return lambda: _watchers.remove(watcher)


def reached(point: CrashPoint) -> None:
    """This process is at ``point``."""
    for watcher in _watchers:
        watcher(point)
