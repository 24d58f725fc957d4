"""Results that several kinds of writes have."""

from __future__ import annotations

from flowray.persistence.records import (
    InboxRecord,
)
from flowray.persistence.writes.base import Result


class Done(Result, tag="done", frozen=True):
    """Written. ``inbox`` are rows that came into the execution's own inbox with it: waits that were over as they
    began. ``told``: executions into whose inboxes it has put the end of a shared child.
    """

    inbox: tuple[InboxRecord, ...] = ()
    told: tuple[str, ...] = ()


class Inserted(Result, tag="inserted", frozen=True):
    """The row stands: it is new, or a repeat of one whose acknowledgement was lost. ``status`` is the execution's.

    ``elsewhere``: it stood already and is not (or no longer) the given owner's under the given epoch. Who inserted it
    must not drive it: a late write of a dead owner and its repeat at another one are both first epochs (R22).
    """

    id: str
    status: str = ""
    elsewhere: bool = False


class Existing(Result, tag="existing", frozen=True):
    """A row with the same key was there before."""

    id: str
    request_hash: str | None = None
    status: str = ""


class Refused(Result, tag="refused", frozen=True):
    """Nothing was written. ``code`` is an ErrorCode."""

    code: str
    detail: str = ""


class Fenced(Result, tag="fenced", frozen=True):
    """Nothing was written: somebody else owns the execution, or has appended. The caller must stop working on it."""


class Pending(Result, tag="pending", frozen=True):
    """Nothing was written: unconsumed inbox rows must be folded first."""

    inbox: tuple[InboxRecord, ...] = ()
