"""What a trigger is set to: one model for each kind, and how a ``trigger`` node spells the same. Starts nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from flowray.triggers.cron import MIN_EVERY_MS, check_cron, check_timezone, parse_every
from flowray.triggers.filters import check_filter

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
MAX_WAIT_MS = 60_000
"""As long as any answer is held back (R56)."""

MAX_BODY_BYTES = 16 * 1024 * 1024

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


class TriggerKind(StrEnum):
    """What starts executions."""

    MANUAL = "manual"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    EVENT = "event"


class _Config(BaseModel):
    """camelCase as in definitions, snake_case too. An unknown field is a slip that would silently do nothing."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    def stored(self) -> dict[str, Any]:
        """The JSON in which it is kept and shown: camelCase, without what is left at its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class ManualConfig(_Config):
    """Started by a call, and in no other way."""


class WebhookConfig(_Config):
    """Which requests of ``/v1/hooks/{id}`` start an execution, and how they are answered.

    ``header`` holds the API key (``X-API-Key``) or the signature (``X-Signature``, or the names that GitHub and others
    use). With ``timestampHeader`` what is signed is ``<timestamp>.<body>``, and older or younger requests than
    ``toleranceMs`` are refused. ``deliveryHeader`` names a delivery, so that its repeats start nothing.
    """

    methods: tuple[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"], ...] = Field(("POST",), min_length=1)
    auth: Literal["none", "api_key", "hmac", "bearer"] = "none"
    header: str | None = None
    timestamp_header: str | None = None
    tolerance_ms: int = Field(300_000, ge=1_000, le=86_400_000)
    allowed_origins: tuple[str, ...] | None = Field(None, description="Origins of browsers; * for any. None: no CORS.")
    respond: Literal["now", "done"] = "now"
    wait_ms: int = Field(30_000, ge=0, le=MAX_WAIT_MS, description="How long respond: done holds the answer back.")
    delivery_header: str | None = None
    max_body_bytes: int = Field(1024 * 1024, ge=0, le=MAX_BODY_BYTES)

    @field_validator("header", "timestamp_header", "delivery_header")
    @classmethod
    def _is_header(cls, name: str | None) -> str | None:
        if name is not None and _HEADER.fullmatch(name) is None:
            raise ValueError(f"{name[:100]!r} is not the name of a header")
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> WebhookConfig:
        if self.timestamp_header is not None and self.auth != "hmac":
            raise ValueError("timestampHeader belongs to auth: hmac, which signs it")
        return self


class ScheduleConfig(_Config):
    """When it ticks: ``cron`` in ``timezone``, or ``every`` so often (``90s``, ``1h30m``; whole multiples since 1970).

    ``overlap``: what a tick does while the execution of an earlier one has not ended: ``allow`` starts another,
    ``skip`` starts none, ``queue`` waits for its turn (at most ``maxQueued``), ``cancelOther`` stops the earlier.
    ``catchUp``: what becomes of ticks that nobody was there to see: ``none`` of those more than a minute old, the
    ``latest``, or ``all`` up to ``maxCatchUp``.
    """

    cron: str | None = None
    every: str | None = None
    timezone: str = "UTC"
    overlap: Literal["allow", "skip", "queue", "cancelOther"] = "allow"
    catch_up: Literal["none", "latest", "all"] = "latest"
    max_catch_up: int = Field(100, ge=1, le=1_000)
    max_queued: int = Field(100, ge=1, le=1_000)

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, text: str | None) -> str | None:
        return None if text is None else check_cron(text)

    @field_validator("every", mode="before")
    @classmethod
    def _is_interval(cls, given: Any) -> Any:
        if given is not None and parse_every(str(given)) < MIN_EVERY_MS:
            raise ValueError("every is at least 1s")
        return None if given is None else str(given)

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        return check_timezone(name)

    @model_validator(mode="after")
    def _says_when(self) -> ScheduleConfig:
        if (self.cron is None) == (self.every is None):
            raise ValueError("give exactly one of cron and every")
        return self


class EventConfig(_Config):
    """Which events start an execution: those named ``event`` for which ``filter`` holds, such as ``data.total > 100``.

    A filter reads ``name``, ``data`` and ``key``.
    """

    event: str = Field(min_length=1, max_length=255)
    filter: str | None = Field(None, max_length=10_000)

    @field_validator("filter")
    @classmethod
    def _is_condition(cls, text: str | None) -> str | None:
        return None if text is None else check_filter(text)


TriggerConfig: TypeAlias = ManualConfig | WebhookConfig | ScheduleConfig | EventConfig

MODELS: dict[TriggerKind, type[_Config]] = {
    TriggerKind.MANUAL: ManualConfig,
    TriggerKind.WEBHOOK: WebhookConfig,
    TriggerKind.SCHEDULE: ScheduleConfig,
    TriggerKind.EVENT: EventConfig,
}


def parse_config(kind: TriggerKind, config: Mapping[str, Any]) -> TriggerConfig:
    """The config of a kind. Raises pydantic's ValidationError, which names each field."""
    parsed: Any = MODELS[kind].model_validate(dict(config))
    return parsed  # type: ignore[no-any-return]


# -- as a node of a definition ------------------------------------------------------------------------------------

_KINDS = {
    "schedule": TriggerKind.SCHEDULE, "cron": TriggerKind.SCHEDULE, "interval": TriggerKind.SCHEDULE,
    "webhook": TriggerKind.WEBHOOK, "provider": TriggerKind.WEBHOOK, "event": TriggerKind.EVENT,
    "manual": TriggerKind.MANUAL,
}  # fmt: skip


@dataclass(frozen=True)
class NodeTrigger:
    """What a ``trigger`` node says. ``input_mapping`` None hands the payload on as the inputs."""

    kind: TriggerKind
    config: TriggerConfig
    input_mapping: dict[str, Any] | None = None
    name: str = field(default="")


def trigger_of_node(config: Mapping[str, Any]) -> NodeTrigger:
    """The trigger that a node's config describes, in flowray's spelling or FlowMaestro's; fields about other things are
    left alone. Raises ValueError (pydantic's ValidationError is one) for what cannot be one."""
    given = {to_camel(name) if "_" in name else name: value for name, value in config.items()}
    spelled = str(given.get("triggerType") or given.get("kind") or _kind_by_field(given)).lower()
    if spelled not in _KINDS:
        raise ValueError(f"there is no trigger type {spelled[:60]!r}; known: {', '.join(_KINDS)}")
    kind = _KINDS[spelled]
    mapping = given.get("inputMapping")
    if mapping is not None and not isinstance(mapping, dict):
        raise ValueError("inputMapping is an object: what each input is made of")
    fields = _SPELLINGS[kind](given)
    known = {to_camel(name) for name in MODELS[kind].model_fields}
    parsed = parse_config(kind, {name: value for name, value in fields.items() if name in known and value is not None})
    return NodeTrigger(kind, parsed, mapping)


def _kind_by_field(given: Mapping[str, Any]) -> str:
    if any(given.get(name) for name in ("schedule", "cron", "cronExpression", "every")):
        return "schedule"
    return "manual"


def _schedule_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    schedule = given.get("schedule")
    inner = dict(schedule) if isinstance(schedule, dict) else {"cron": schedule}
    fields = {**given, **{name: value for name, value in inner.items() if value is not None}}
    fields["cron"] = fields.get("cron") or fields.get("cronExpression") or fields.get("expression")
    return fields


def _webhook_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(given)
    method = given.get("method")
    if "methods" not in fields and isinstance(method, str):
        fields["methods"] = METHODS if method.upper() in ("ANY", "ALL", "*") else (method.upper(),)
    # FlowMaestro's ``auth`` of a trigger is a word under this name; anything else belongs to somebody else's format.
    fields["auth"] = given.get("authType", given.get("auth") if isinstance(given.get("auth"), str) else None)
    if fields["auth"] is None and given.get("requireSignature") is True:
        fields["auth"] = "hmac"
    fields["header"] = given.get("header") or given.get("signatureHeader") or given.get("apiKeyHeader")
    if isinstance(given.get("allowedOrigins"), str):
        fields["allowedOrigins"] = tuple(part.strip() for part in given["allowedOrigins"].split(",") if part.strip())
    return fields


def _event_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "event": given.get("event") or given.get("eventType") or given.get("eventName")}


_SPELLINGS: dict[TriggerKind, Any] = {
    TriggerKind.MANUAL: dict,
    TriggerKind.WEBHOOK: _webhook_fields,
    TriggerKind.SCHEDULE: _schedule_fields,
    TriggerKind.EVENT: _event_fields,
}
