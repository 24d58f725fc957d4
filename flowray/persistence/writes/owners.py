"""Writes of owners: their leases (R27), what they claim (R25, R28, R43), and the results."""

from __future__ import annotations

import uuid

import msgspec

from flowray.persistence.writes.base import Result, Write


class RegisterOwner(Write, tag="register_owner", frozen=True):
    """Announce an owner process with a lease of ``lease_ms`` from now (database clock). Result: Leased.

    ``supersedes``: owners of the same actor name, host and a pid in this tuple are known dead; their leases end now.
    """

    id: str
    kind: str
    generation: str
    lease_ms: int
    actor_name: str | None = None
    actor_id: str | None = None
    host: str = ""
    pid: int = 0
    log_location: str | None = None
    supersedes: tuple[str, ...] = ()


class RenewLease(Write, tag="renew_lease", frozen=True):
    """Extend a lease that has not ended. Result: Leased, or Fenced if it has ended: the owner must stop."""

    id: str
    lease_ms: int


class ReleaseOwner(Write, tag="release_owner", frozen=True):
    """End a lease now, at an orderly stop; its executions can be claimed at once. Result: Done."""

    id: str


SUSPECT_AFTER = 2
"""After so many owners that died with it in a row, an execution is taken over apart from the others (R28)."""


class ClaimExecutions(Write, tag="claim_executions", frozen=True):
    """Take over up to ``limit`` executions that nobody owns: queued, unowned with unconsumed inbox rows, or their
    owner's lease has ended (R25, R28, R43). Each claim raises the epoch; taking over a started one whose owner died
    raises ``recoveries``, taking over any from an owner that died ``failed_recoveries``. Those that have lost
    ``SUSPECT_AFTER`` owners in a row are claimed with ``suspects`` only, and nothing else is. Of queues with limits
    it takes no more than there are slots; ``admit_only`` looks at nothing else. ``ids`` restricts the choice.
    An owner without a live lease gets nothing. ``claim_id`` is unique to the claim, so that a repeat after a lost
    acknowledgement finds again what it has already claimed. Result: Claimed.
    """

    owner_id: str
    limit: int = 100
    ids: tuple[str, ...] | None = None
    suspects: bool = False
    admit_only: bool = False
    claim_id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)


class Leased(Result, tag="leased", frozen=True):
    """The lease ends at ``lease_until``; ``now`` is the database's clock at the write. Both ms since the epoch."""

    lease_until: int
    now: int


class Claim(msgspec.Struct, frozen=True):
    """One claimed execution: fold its log up to ``last_seq``, then write under ``epoch``.

    ``failures``: how many owners in a row have died with it, this takeover's included. ``expired``: it was not started
    within its time to live, and now never is.
    """

    execution_id: str
    epoch: int
    last_seq: int
    recovery: bool
    failures: int = 0
    expired: bool = False


class Claimed(Result, tag="claimed", frozen=True):
    """What was claimed."""

    claims: tuple[Claim, ...] = ()
