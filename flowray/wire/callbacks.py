"""Answers about callbacks: what the starters of executions are told, and how far that is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flowray.wire.base import Answer

CallbackStatus = Literal["pending", "delivered", "given_up"]


class Callback(Answer):
    """One thing to tell a receiver. ``id`` goes with each delivery as ``webhook-id``.

    ``attempts`` counts deliveries; ``next_at``: the next is not before. ``last_error`` says why the last one failed.
    """

    id: str
    execution_id: str
    event: str
    seq: int
    url: str
    status: CallbackStatus
    attempts: int
    next_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    created_at: datetime
    delivered_at: datetime | None = None


class CallbackPage(Answer):
    """One page, newest first."""

    data: list[Callback]
    next_cursor: str | None = None
    has_more: bool = False
