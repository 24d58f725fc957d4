"""Rows of triggers and of their firings. Times are ms since 1970, UTC."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records.base import DEFAULT_WORKSPACE, Record
from flowray.values import Json

QUEUED, STARTING, STARTED, SKIPPED, FAILED = "queued", "starting", "started", "skipped", "failed"
"""What becomes of a firing. One that is ``queued`` waits for the execution of an earlier one to end; one that is
``starting`` is to be started, by whoever finds it."""


class TriggerRecord(Record, frozen=True):
    """What starts executions of a workflow. ``node_id``: the ``trigger`` node that it belongs to, and begins at.

    ``config`` is that of its ``kind``. ``topic`` is the name of the events that an event trigger hears. ``options`` are
    those of the executions it starts. ``revision`` grows with each change by a person or a save. ``next_fire_at`` is
    the tick for which an enabled schedule waits.
    """

    id: str
    workflow_id: str
    kind: str
    name: str = ""
    node_id: str | None = None
    config: dict[str, Any] = {}
    input_mapping: dict[str, Any] | None = None
    options: dict[str, Any] = {}
    enabled: bool = False
    secret: str | None = None
    topic: str | None = None
    revision: int = 1
    next_fire_at: int | None = None
    last_fired_at: int | None = None
    created_at: int = 0
    updated_at: int = 0
    workspace_id: str = DEFAULT_WORKSPACE


class FiringRecord(Record, frozen=True):
    """One firing of a trigger. ``fire_key`` is unique to it: of a tick its time, of a delivery or an event its key.

    ``execution_id`` is chosen before the execution exists, so that whoever starts it starts the same one. ``payload``
    is kept until then. ``holds``: while its execution has not ended, policies of overlap count it. ``retry_at``: when
    one that is ``starting`` is taken to have been forgotten.
    """

    trigger_id: str
    fire_key: str
    execution_id: str
    workflow_id: str = ""
    kind: str = ""
    status: str = STARTING
    reason: str | None = None
    scheduled_at: int | None = None
    fired_at: int = 0
    payload: Json = None
    holds: bool = False
    retry_at: int | None = None
    workspace_id: str = DEFAULT_WORKSPACE
