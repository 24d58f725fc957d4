"""Rows of queues, and what names one."""

from __future__ import annotations

from typing import NamedTuple

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Record


class QueueRecord(Record, frozen=True):
    """A queue: its limits, and who is in it. ``overridden``: definitions no longer set its limits, somebody has.

    ``running`` counts those that hold a slot, ``waiting`` those that wait for one, ``delayed`` those whose time is yet
    to come. ``updated_at`` is 0 for one that has executions but was never given limits.
    """

    name: str
    max_concurrent: int | None = None
    max_per_key: int | None = None
    paused: bool = False
    overridden: bool = False
    running: int = 0
    waiting: int = 0
    delayed: int = 0
    updated_at: int = 0
    workspace_id: str = DEFAULT_WORKSPACE


class QueueId(NamedTuple):
    """A queue, wherever a name alone would not do."""

    workspace_id: str
    name: str
