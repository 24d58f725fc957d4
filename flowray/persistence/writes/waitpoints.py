"""Writes of shared waitpoints, which belong to no execution, and what they mean for those that wait for them. Pure.

A waitpoint of an execution is written with the commits of that execution; these stand for themselves.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from flowray.engine.waitpoint_sources import of_name
from flowray.errors import ErrorCode
from flowray.persistence.records import DEFAULT_WORKSPACE, InboxRecord, WaitpointRecord
from flowray.persistence.writes.base import Result, Write
from flowray.values import Json

OPEN, COMPLETED, TIMED_OUT = "open", "completed", "timed_out"

ANSWER = "complete"
EXPIRY = "expire"
"""Kinds of inbox rows. Both have the same dedupe key: whichever stands first, stands (R25)."""

SHARED_WAITPOINTS = "shared waitpoints"
"""What those writes touch whose order among each other matters (``stages``)."""

SHARED = "shared"
"""Kind of a waitpoint that belongs to no execution."""


class CreateWaitpoint(Write, tag="create_waitpoint", frozen=True):
    """Insert a shared waitpoint. One that executions already wait for by its name gets its token and the rest now.

    Result: Inserted, or Existing with the request hash of the one that stands.
    """

    record: WaitpointRecord

    def touches(self) -> tuple[str, ...]:
        return (SHARED_WAITPOINTS,)


class CompleteWaitpoint(Write, tag="complete_waitpoint", frozen=True):
    """Answer a shared waitpoint, and with it, in the same transaction, whoever waits for it. The first one counts.

    ``completion_id`` is unique to the answer, so that a repeat after a lost acknowledgement is told from a later one.
    Result: Closed, or Refused(NOT_FOUND).
    """

    id: str
    completion_id: str
    data: Json = None
    by: str | None = None
    origin: dict[str, Any] = {}
    workspace_id: str = DEFAULT_WORKSPACE


class ExpireWaitpoints(Write, tag="expire_waitpoints", frozen=True):
    """Close those of these shared waitpoints whose time is up by the database's clock, and end the wait for them.

    Result: Expired.
    """

    ids: tuple[str, ...]


class Closed(Result, tag="closed", frozen=True):
    """How a shared waitpoint ended. ``already``: another answer came first, and ``data`` is that one's.

    ``released`` are the executions that wait for it, whose owners are to be woken.
    """

    status: str
    data: Json = None
    already: bool = False
    released: tuple[str, ...] = ()


class Expired(Result, tag="expired", frozen=True):
    """``released`` are the executions that need not wait any longer."""

    released: tuple[str, ...] = ()


def named_id(workspace_id: str, name: str) -> str:
    """The id of the shared waitpoint of this name: there is one, whoever comes first."""
    return f"wp:{workspace_id}/{name}"


def keyed_id(workspace_id: str, key: str) -> str:
    """The id of a shared waitpoint that was created under an idempotency key."""
    return f"wp:{workspace_id}#{hashlib.sha256(key.encode()).hexdigest()}"


def sources_of(record: WaitpointRecord) -> tuple[str, ...]:
    """By which sources others wait for a shared waitpoint."""
    by_token = (f"token:{record.token_hash}",) if record.token_hash else ()
    return (*by_token, of_name(record.name)) if record.name is not None else by_token


def on_demand(workspace_id: str, name: str, now_ms: int) -> WaitpointRecord:
    """A shared waitpoint that nobody has created yet, but somebody waits for. It has no token."""
    return WaitpointRecord(
        id=named_id(workspace_id, name), execution_id=None, kind=SHARED, status=OPEN, name=name,
        created_at=now_ms, workspace_id=workspace_id,
    )  # fmt: skip


def adopted(standing: WaitpointRecord, created: WaitpointRecord) -> WaitpointRecord | None:
    """A waitpoint that stands on demand, as it is once somebody creates it; None if somebody has."""
    if standing.token:
        return None
    return msgspec.structs.replace(created, status=standing.status, created_at=standing.created_at)


def dedupe_key(waitpoint_id: str) -> str:
    """Of whatever ends the wait at a waitpoint."""
    return f"waitpoint:{waitpoint_id}"


def outcome_row(waiting: WaitpointRecord, shared: WaitpointRecord | None, now_ms: int) -> InboxRecord | None:
    """What a shared waitpoint says to the one that waits for it; None as long as it is open. None of it: an error."""
    if shared is not None and shared.status == OPEN and not is_due(shared, now_ms):
        return None
    answered = shared is not None and shared.status == COMPLETED
    data: dict[str, Any] = {}
    if shared is None:
        data = {"code": ErrorCode.NOT_FOUND.value, "message": "There is no waitpoint with the token that it waits for"}
    elif answered:
        data = {"data": shared.data, "variables": {}}
    else:
        data = {"message": f"The waitpoint {shared.name or shared.id!r} was not answered in time"}
    return InboxRecord(
        id=f"{SHARED}:{waiting.id}",
        execution_id=waiting.execution_id or "",
        kind=ANSWER if answered else EXPIRY,
        waitpoint_id=waiting.id,
        data=data,
        by=shared.completed_by if shared is not None else None,
        received_at=now_ms,
        dedupe_key=dedupe_key(waiting.id),
        origin={"via": SHARED, "waitpoint": shared.id} if shared is not None else None,
    )


def is_due(shared: WaitpointRecord, now_ms: int) -> bool:
    """Its time is up."""
    return shared.expires_at is not None and shared.expires_at <= now_ms


def closed_with(shared: WaitpointRecord, write: CompleteWaitpoint, now_ms: int) -> WaitpointRecord:
    """An open one after an answer, which may have come too late."""
    if is_due(shared, now_ms):
        return timed_out(shared, now_ms)
    return msgspec.structs.replace(
        shared, status=COMPLETED, data=write.data, completed_at=now_ms, completed_by=write.by,
        completed_from={**write.origin, "id": write.completion_id},
    )  # fmt: skip


def timed_out(shared: WaitpointRecord, now_ms: int) -> WaitpointRecord:
    """An open one after its time."""
    return msgspec.structs.replace(shared, status=TIMED_OUT, completed_at=now_ms)


def closed_result(shared: WaitpointRecord, write: CompleteWaitpoint, released: tuple[str, ...]) -> Closed:
    """The answer to an answer, once ``shared`` is closed."""
    mine = (shared.completed_from or {}).get("id") == write.completion_id
    return Closed(
        status=shared.status, data=shared.data, already=shared.status == COMPLETED and not mine, released=released
    )
