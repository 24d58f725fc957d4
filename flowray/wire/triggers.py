"""Bodies about triggers: what starts executions, what has started, and events from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from flowray.wire.base import Answer, Request
from flowray.wire.starts import StartOptions

TriggerKindName = Literal["manual", "webhook", "schedule", "event"]

CONFIG = "The fields of its kind, as in a trigger node: of a schedule {cron, timezone}, of an event {event, filter}."
MAPPING = "What each input is made of: templates over the payload. Without it the payload is the input."
OPTIONS = "Options of each execution: trigger (the node to begin at), labels, metadata, version, priority and the like."
SECRET = "What callers must know or sign with. Never shown again; left out, one is made where it is needed."


class TriggerRequest(Request):
    """Body of ``POST /v1/triggers``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "workflow_id": "0192f0c1-7d1e-7000-8000-000000000000",
                    "kind": "schedule",
                    "config": {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin", "overlap": "skip"},
                    "input_mapping": {"day": "{{timestamp}}"},
                }
            ]
        },
    )

    workflow_id: str
    kind: TriggerKindName
    name: str = Field("", max_length=255)
    config: dict[str, Any] = Field(default_factory=dict, description=CONFIG)
    input_mapping: dict[str, Any] | None = Field(None, description=MAPPING)
    options: StartOptions = Field(default_factory=StartOptions, description=OPTIONS)
    enabled: bool = True
    secret: str | None = Field(None, min_length=8, max_length=1_000, description=SECRET)


class TriggerPatch(Request):
    """Body of ``PATCH /v1/triggers/{id}``: what is to change. A node's trigger has its config from its node."""

    name: str | None = Field(None, max_length=255)
    config: dict[str, Any] | None = Field(None, description=CONFIG)
    input_mapping: dict[str, Any] | None = Field(None, description=MAPPING)
    options: StartOptions | None = Field(None, description=OPTIONS)
    enabled: bool | None = None
    secret: str | None = Field(None, min_length=8, max_length=1_000, description=SECRET)


class FireRequest(Request):
    """Body of ``POST /v1/triggers/{id}/execute`` and ``…/test``; may be absent."""

    payload: dict[str, Any] | None = Field(None, description="What the trigger would bring; of a test, made up.")


class Trigger(Answer):
    """What starts executions. ``node_id``: the node that it belongs to. ``url``: where a webhook is called.

    ``secret`` is shown once, in the answer to the call that made it.
    """

    id: str
    workflow_id: str
    node_id: str | None = None
    kind: TriggerKindName
    name: str
    config: dict[str, Any]
    input_mapping: dict[str, Any] | None = None
    options: dict[str, Any] = {}
    enabled: bool
    url: str | None = None
    has_secret: bool = False
    secret: str | None = None
    next_fire_at: datetime | None = None
    last_fired_at: datetime | None = None
    revision: int
    created_at: datetime
    updated_at: datetime


class TriggerPage(Answer):
    """One page, newest first."""

    data: list[Trigger]
    next_cursor: str | None = None
    has_more: bool = False


class Firing(Answer):
    """One firing. ``execution_id`` is None where nothing came of it: ``reason`` says why."""

    trigger_id: str
    fire_key: str
    kind: TriggerKindName
    status: Literal["queued", "starting", "started", "skipped", "failed"]
    reason: str | None = None
    execution_id: str | None = None
    scheduled_at: datetime | None = None
    fired_at: datetime


class FiringPage(Answer):
    """One page, newest first."""

    data: list[Firing]
    next_cursor: str | None = None
    has_more: bool = False


class Publication(Answer):
    """Whether the triggers of a workflow's nodes are enabled."""

    workflow_id: str
    published: bool
    triggers: list[Trigger]


class HookAnswer(Answer):
    """Answer to a webhook that does not wait, or has waited long enough."""

    execution_id: str
    status: str


class EventRequest(Request):
    """Body of ``POST /v1/events``. A repeat with the same ``key`` does nothing twice."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "order.created", "data": {"total": 120}, "key": "order-4711"}]},
    )

    name: str = Field(min_length=1, max_length=255)
    data: Any = None
    key: str | None = Field(None, min_length=1, max_length=200)


class EventDelivery(Answer):
    """What an event has done: the firings of its triggers, and the executions that waited for it and go on."""

    name: str
    key: str
    fired: list[Firing] = []
    released: list[str] = []
