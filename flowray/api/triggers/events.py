"""Events from outside fire event triggers, once for each key. What waits for events is in ``event_delivery``."""

from __future__ import annotations

import logging

from flowray.api.context import ApiContext
from flowray.api.triggers.firing import fire
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records.triggers import FAILED, FiringRecord, TriggerRecord
from flowray.triggers.configs import EventConfig
from flowray.triggers.filters import holds
from flowray.triggers.payloads import event_payload
from flowray.values import Json

logger = logging.getLogger(__name__)


async def fire_event_triggers(context: ApiContext, name: str, data: Json, key: str) -> tuple[list[FiringRecord], bool]:
    """Fire every enabled event trigger for which the event counts. Returns their firings, and whether one was known.

    A trigger that cannot start its workflow does not keep the others from theirs. Raises FlowrayError if another try
    may help: a repeat with the same key goes on where this one has stopped.
    """
    event = event_payload(name, data, key)
    firings, any_known = [], False
    for trigger in await context.read(context.directory.reader.triggers.hearing, name):
        if not _counts(trigger, event):
            continue
        try:
            firing, known = await fire(context, trigger, f"event:{key}", event)
        except FlowrayError as error:
            if error.retryable:
                raise
            if error.code is ErrorCode.CONFLICT:
                continue  # disabled since it was read
            logger.warning("flowray: the event %s could not fire the trigger %s: %s", name, trigger.id, error)
            firing, known = _failed(context, trigger, key, error), False
        firings.append(firing)
        any_known = any_known or known
    return firings, any_known


def _counts(trigger: TriggerRecord, event: dict[str, Json]) -> bool:
    config = EventConfig.model_validate(trigger.config)
    try:
        return holds(config.filter, event)
    except FlowrayError as error:
        logger.warning("flowray: the filter of the trigger %s failed: %s", trigger.id, error)
        return False


def _failed(context: ApiContext, trigger: TriggerRecord, key: str, error: FlowrayError) -> FiringRecord:
    return FiringRecord(
        trigger_id=trigger.id, fire_key=f"event:{key}", execution_id="", kind=trigger.kind, status=FAILED,
        reason=f"{error.code}: {error.message}", fired_at=context.services.now_ms(),
    )  # fmt: skip
