"""Writes of callbacks: their deliveries are claimed, settled, asked for again. Rows come with commits of executions."""

from __future__ import annotations

import uuid

import msgspec

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes.base import Result, Write


class ClaimCallbacks(Write, tag="claim_callbacks", frozen=True):
    """Take up to ``limit`` callbacks that are due for ``lease_ms``; counts an attempt for each. A process that dies
    with them loses them to whoever claims after that. ``claim_id`` is unique to the claim, so that it may be repeated.
    Result: ClaimedCallbacks.
    """

    limit: int = 16
    lease_ms: int = 30_000
    claim_id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)

    def touches(self) -> tuple[str, ...]:
        """All callbacks."""
        return ("callbacks",)


class SettleCallback(Write, tag="settle_callback", frozen=True):
    """What became of a delivery: ``status`` pending (again after ``retry_ms``), delivered or given_up.

    Result: Done, or Fenced if somebody else has claimed it since.
    """

    id: str
    claim_id: str
    status: str
    retry_ms: int = 0
    http_status: int | None = None
    error: str | None = None

    def touches(self) -> tuple[str, ...]:
        """All callbacks."""
        return ("callbacks",)


class RedeliverCallback(Write, tag="redeliver_callback", frozen=True):
    """Deliver it again, now, with all its attempts, whatever became of it. Result: Done, or Refused(NOT_FOUND)."""

    id: str
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """All callbacks."""
        return ("callbacks",)


CALLBACK_WRITES = (ClaimCallbacks, SettleCallback, RedeliverCallback)


class ClaimedCallback(msgspec.Struct, frozen=True):
    """A delivery to make: where from its row and the row of its execution."""

    id: str
    execution_id: str
    attempt: int


class ClaimedCallbacks(Result, tag="claimed_callbacks", frozen=True):
    """What was claimed, in the order in which it was due."""

    claims: tuple[ClaimedCallback, ...] = ()
