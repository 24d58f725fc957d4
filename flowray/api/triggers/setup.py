"""Triggers as people set them up: checked, armed and kept. What fires them is in ``triggers.firing`` and others."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pydantic import ValidationError

from flowray import wire
from flowray.api.context import ApiContext, not_found
from flowray.api.http.error_responses import BodyError
from flowray.api.triggers.firing import source_of
from flowray.api.views.rows import time_or_none
from flowray.definition.diagnostics import pointer
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.sse import iso_time
from flowray.persistence.records.triggers import FAILED, SKIPPED, FiringRecord, TriggerRecord
from flowray.persistence.writes.triggers import SaveTrigger
from flowray.triggers.configs import (
    EventConfig,
    ScheduleConfig,
    TriggerConfig,
    TriggerKind,
    WebhookConfig,
    parse_config,
)
from flowray.triggers.ticks import next_tick

NOT_FOR_TRIGGERS = ("idempotency_key", "idempotency_ttl_ms", "deadline", "run_from", "run_until", "only_node", "pins")
"""Options that mean one execution, or a part of one."""

OF_THE_NODE = ("name", "config", "input_mapping")
"""What a trigger of a node has from its definition."""

SECRET_BYTES = 32
ATTEMPTS = 3

Change = Callable[[TriggerRecord, int], TriggerRecord]
"""A trigger and the database's time to the trigger as it is to be."""


async def create_trigger(context: ApiContext, body: wire.TriggerRequest) -> tuple[TriggerRecord, str | None]:
    """The kept trigger, and its secret if one was made. Raises NOT_FOUND, INVALID_REQUEST, INVALID_DEFINITION."""
    config = checked_config(TriggerKind(body.kind), body.config)
    made = secrets.token_urlsafe(SECRET_BYTES) if body.secret is None and needs_secret(config) else None
    now = await database_now(context)
    record = TriggerRecord(
        id=context.services.new_id(),
        workflow_id=body.workflow_id,
        kind=body.kind,
        name=body.name,
        config=config.stored(),
        input_mapping=body.input_mapping,
        options=await _checked_options(context, body.workflow_id, body.options),
        enabled=body.enabled,
        secret=body.secret or made,
        topic=topic_of(config),
        created_at=context.services.now_ms(),
        updated_at=context.services.now_ms(),
    )
    record = armed(record, now)
    await context.write(SaveTrigger(record=record))
    return record, made


async def change_trigger(
    context: ApiContext, trigger_id: str, change: Change, *, reschedule: bool = False
) -> TriggerRecord:
    """The trigger after a change; with ``reschedule`` a schedule's next tick is worked out anew.

    Raises NOT_FOUND, and CONFLICT if others keep changing it.
    """
    for attempt in range(1, ATTEMPTS + 1):
        current = await find_trigger(context, trigger_id)
        now = await database_now(context)
        wanted = change(current, now)
        if wanted == current:
            return current
        if reschedule:
            wanted = armed(wanted, now)
        wanted = msgspec.structs.replace(wanted, updated_at=context.services.now_ms(), revision=current.revision + 1)
        try:
            await context.write(SaveTrigger(record=wanted, expected_revision=current.revision, reschedule=reschedule))
        except FlowrayError as error:
            if error.code is not ErrorCode.CONFLICT or attempt == ATTEMPTS:
                raise
            continue
        return wanted
    raise AssertionError("the last attempt returns or raises")


async def patch_trigger(context: ApiContext, trigger_id: str, body: wire.TriggerPatch) -> TriggerRecord:
    """The trigger with the given fields changed. Raises CONFLICT for what belongs to a node's definition."""
    current = await find_trigger(context, trigger_id)
    given = body.model_fields_set
    theirs = sorted(given.intersection(OF_THE_NODE)) if current.node_id is not None else []
    if theirs:
        raise FlowrayError(
            ErrorCode.CONFLICT,
            f"{' and '.join(theirs)} of this trigger belong to the node {current.node_id!r} of its workflow",
            hint="change the node, and save the workflow",
        )
    changes: dict[str, Any] = {name: getattr(body, name) for name in given if name in ("name", "input_mapping")}
    for name in ("enabled", "secret"):
        if getattr(body, name) is not None:
            changes[name] = getattr(body, name)
    if body.config is not None:
        config = checked_config(TriggerKind(current.kind), body.config)
        changes.update(config=config.stored(), topic=topic_of(config))
    if body.options is not None:
        changes["options"] = await _checked_options(context, current.workflow_id, body.options, current.node_id)
    if "name" in changes and changes["name"] is None:
        changes["name"] = ""

    def change(record: TriggerRecord, _now: int) -> TriggerRecord:
        return msgspec.structs.replace(record, **changes)

    return await change_trigger(context, trigger_id, change, reschedule=bool({"config", "enabled"} & changes.keys()))


async def set_enabled(context: ApiContext, trigger_id: str, enabled: bool) -> TriggerRecord:
    """Safe to repeat: one that is enabled stays as it is, and keeps its next tick."""
    return await change_trigger(
        context, trigger_id, lambda record, _now: msgspec.structs.replace(record, enabled=enabled), reschedule=True
    )


async def new_secret(context: ApiContext, trigger_id: str) -> tuple[TriggerRecord, str]:
    """A new secret instead of the old one, which is void at once."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    record = await change_trigger(
        context, trigger_id, lambda record, _now: msgspec.structs.replace(record, secret=secret)
    )
    return record, secret


async def find_trigger(context: ApiContext, trigger_id: str) -> TriggerRecord:
    """Raises NOT_FOUND."""
    record = await context.read(context.directory.reader.triggers.get, trigger_id)
    if record is None:
        raise not_found("trigger", trigger_id)
    return record


async def database_now(context: ApiContext) -> int:
    """The clock by which schedules tick (R27)."""
    return await context.read(context.directory.reader.now_ms)


# -- checking and arming ------------------------------------------------------------------------------------------


def checked_config(kind: TriggerKind, config: Mapping[str, Any]) -> TriggerConfig:
    """Raises INVALID_REQUEST (422) with a pointer for every misfit."""
    try:
        return parse_config(kind, config)
    except ValidationError as error:
        findings = [
            {"pointer": pointer("config", *item["loc"]), "message": item["msg"].removeprefix("Value error, ")}
            for item in error.errors(include_url=False)
        ]
        raise BodyError(
            ErrorCode.INVALID_REQUEST,
            f"the config does not fit a {kind.value} trigger: {findings[0]['message']}",
            details={"errors": findings},
        ) from None


async def _checked_options(
    context: ApiContext, workflow_id: str, options: wire.StartOptions, node_id: str | None = None
) -> dict[str, Any]:
    """The options as they are kept. Raises for those that no trigger can have, and if the workflow cannot start so."""
    for name in NOT_FOR_TRIGGERS:
        if getattr(options, name) is not None:
            raise BodyError(
                ErrorCode.INVALID_REQUEST,
                f"the option {name!r} is not for triggers",
                details={"errors": [{"pointer": f"/options/{name}", "message": "not for triggers"}]},
            )
    await source_of(context, workflow_id, options.model_copy(update={"trigger": node_id or options.trigger}))
    return options.model_dump(mode="json", exclude_defaults=True)


def armed(record: TriggerRecord, now: int) -> TriggerRecord:
    """The trigger with its next tick, if it is an enabled schedule."""
    ticks = record.enabled and record.kind == TriggerKind.SCHEDULE
    next_at = next_tick(ScheduleConfig.model_validate(record.config), now) if ticks else None
    return msgspec.structs.replace(record, next_fire_at=next_at)


def topic_of(config: TriggerConfig) -> str | None:
    """The name of the events that it hears."""
    return config.event if isinstance(config, EventConfig) else None


def needs_secret(config: TriggerConfig) -> bool:
    """Its callers must prove who they are."""
    return isinstance(config, WebhookConfig) and config.auth != "none"


# -- showing ------------------------------------------------------------------------------------------------------


def trigger_view(record: TriggerRecord, secret: str | None = None) -> dict[str, Any]:
    """``wire.Trigger``; ``secret`` only right after it was made."""
    return {
        "id": record.id,
        "workflow_id": record.workflow_id,
        "node_id": record.node_id,
        "kind": record.kind,
        "name": record.name,
        "config": record.config,
        "input_mapping": record.input_mapping,
        "options": record.options,
        "enabled": record.enabled,
        "url": f"/v1/hooks/{record.id}" if record.kind == TriggerKind.WEBHOOK else None,
        "has_secret": record.secret is not None,
        "secret": secret,
        "next_fire_at": time_or_none(record.next_fire_at),
        "last_fired_at": time_or_none(record.last_fired_at),
        "revision": record.revision,
        "created_at": iso_time(record.created_at),
        "updated_at": iso_time(record.updated_at),
    }


def firing_view(record: FiringRecord) -> dict[str, Any]:
    """``wire.Firing``."""
    return {
        "trigger_id": record.trigger_id,
        "fire_key": record.fire_key,
        "kind": record.kind,
        "status": record.status,
        "reason": record.reason,
        "execution_id": None if record.status in (SKIPPED, FAILED) else record.execution_id,
        "scheduled_at": time_or_none(record.scheduled_at),
        "fired_at": iso_time(record.fired_at),
    }
