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

    CALLBACK_CLAIMED = "callback-claimed"
    """A callback is durably this process's to deliver; nothing was sent."""

    CALLBACK_SENT = "callback-sent"
    """The receiver of a callback has answered; that it has is not durable."""

    FIRING_RECORDED = "firing-recorded"
    """A tick, delivery or event has its firing, and its schedule has moved on; nothing of its execution is durable."""

    FIRING_STARTED = "firing-started"
    """The execution of a firing is durable and goes; that the firing has started it is not."""

    REQUEST_DURABLE = "request-durable"
    """A request or an answer is in an inbox; the owner was not woken, and whoever asked has no answer."""

    FANOUT_DURABLE = "fanout-durable"
    """What several executions wait for is in the inbox of each; none was woken, and whoever answered has no answer."""

    EVENT_FIRED = "event-fired"
    """An event has fired its triggers; nothing of what it means to those who wait for it is durable."""

    IMPORT_KEPT = "import-kept"
    """The large values of an imported execution are durable; its rows are not."""

    IMPORT_DURABLE = "import-durable"
    """All rows of an imported execution are durable; nobody was woken, and whoever imports it has no answer."""

    DELETED = "deleted"
    """Executions were durably taken out of everybody's sight; all that they have is still there."""

    PURGED = "purged"
    """A piece of what deleted executions have is durably gone, the rest is not."""

    COLLECTED = "collected"
    """What nothing refers to is gone from the database; files outside of it are still there."""


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
