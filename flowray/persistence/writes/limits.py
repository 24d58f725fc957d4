"""Writes of named limits, and their result. What a limit grants is reckoned in ``limits.sharing``."""

from __future__ import annotations

import msgspec

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes.base import Result, Write


class SaveLimit(Write, tag="save_limit", frozen=True):
    """Define a limit or change its bounds, None being no bound. What is granted stays granted.

    ``only_new`` leaves one alone that is there. Result: Inserted if new, Done, or with ``only_new`` Existing.
    """

    name: str
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    only_new: bool = False
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """All limits: they are locked together."""
        return ("limits",)


class DeleteLimit(Write, tag="delete_limit", frozen=True):
    """Remove a limit; whoever waits for it alone goes on. Result: Done, or Refused(NOT_FOUND)."""

    name: str
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """All limits."""
        return ("limits",)


class LimitAsk(msgspec.Struct, frozen=True):
    """An attempt that is to run under these limits; all are granted at once or none. ``id`` is never used twice.

    ``tokens`` is an estimate of what it will spend.
    """

    id: str
    execution_id: str
    instance: str
    attempt: int
    limits: tuple[str, ...]
    tokens: int = 0


class LimitEnd(msgspec.Struct, frozen=True):
    """An attempt has ended, or no longer waits. ``tokens`` it really spent; None leaves the estimate."""

    id: str
    tokens: int | None = None


class LimitPause(msgspec.Struct, frozen=True):
    """A provider asked for silence."""

    name: str
    for_ms: int


class ShareLimits(Write, tag="share_limits", frozen=True):
    """Ask, give back, and be granted what is free by now, for the attempts of one owner.

    Frees first what owners without a live lease have held, if ``sweep``. ``adopted`` are attempts that run on under
    this owner after the death of theirs: they are granted whatever is free, in place of what that one held for them.
    Safe to repeat: known asks and unknown ends change nothing. Result: Shared, or Fenced for an owner whose lease has
    ended.
    """

    owner_id: str
    asks: tuple[LimitAsk, ...] = ()
    adopted: tuple[LimitAsk, ...] = ()
    ends: tuple[LimitEnd, ...] = ()
    pauses: tuple[LimitPause, ...] = ()
    sweep: bool = False

    def touches(self) -> tuple[str, ...]:
        """All limits; and leases, which say whose attempts count."""
        return ("limits", "owners")


LIMIT_WRITES = (SaveLimit, DeleteLimit, ShareLimits)


class Shared(Result, tag="shared", frozen=True):
    """``granted``: ids of all uses of the owner that are granted by now, and of asks whose limits do not exist.

    ``unknown``: names that were asked for and do not exist. ``wait_ms``: how long until time alone may free more.
    ``more``: ask again at once.
    """

    granted: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    wait_ms: int | None = None
    more: bool = False
