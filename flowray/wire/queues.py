"""Bodies and answers about queues."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from flowray.wire.base import Answer, Request

MOST_SLOTS = 1_000_000


class QueuePatch(Request):
    """Body of ``PATCH /v1/queues/{name}``: what to change; a limit of null is none."""

    max_concurrent: int | None = Field(None, ge=0, le=MOST_SLOTS, description="Executions that run at a time.")
    max_per_key: int | None = Field(
        None, ge=0, le=MOST_SLOTS, description="Executions that run at a time with the same concurrency key."
    )
    overridden: bool | None = Field(
        None, description="False: definitions set the limits again, from their next save or start on."
    )


class Queue(Answer):
    """A queue, its limits, and who is in it. ``overridden``: somebody set the limits, so definitions do not.

    ``running`` hold a slot, ``waiting`` wait for one, ``delayed`` wait for their time. ``updated_at`` is null for a
    queue that was never given limits.
    """

    name: str
    max_concurrent: int | None = None
    max_per_key: int | None = None
    paused: bool = False
    overridden: bool = False
    running: int = 0
    waiting: int = 0
    delayed: int = 0
    updated_at: datetime | None = None


class QueuePage(Answer):
    """One page, by name."""

    data: list[Queue]
    next_cursor: str | None = None
    has_more: bool = False
