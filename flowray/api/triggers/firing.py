"""Firings → executions: the payload becomes inputs, the execution is kept, the firing settled. Safe to repeat.

Goes the way of every start (``starting``); only that the id of the execution is the firing's, so that two who start
the same firing start the same execution.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import msgspec

from flowray.api.context import ApiContext, accepted
from flowray.api.starts.queueing import declare_queue
from flowray.api.starts.starting import (
    WorkflowSource,
    check_options,
    fit_inputs,
    in_version,
    make_record,
    start_executions,
)
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import InboxRecord
from flowray.persistence.records.triggers import FAILED, SKIPPED, STARTED, STARTING, FiringRecord, TriggerRecord
from flowray.persistence.triggers.firing_rules import TRIGGER_GONE_REASON
from flowray.persistence.writes.triggers import Fired, FireTrigger, SettleFiring
from flowray.runtime.children import CANCEL
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.triggers.payloads import inputs_of
from flowray.wire import StartOptions

logger = logging.getLogger(__name__)

MAX_REASON_CHARS = 500
CANCEL_OTHER = "cancelOther"


@dataclass(frozen=True)
class Prepared:
    """What a firing would start: checked, and not kept yet."""

    source: WorkflowSource
    inputs: dict[str, Any]
    options: StartOptions


async def prepare(context: ApiContext, trigger: TriggerRecord, payload: dict[str, Any]) -> Prepared:
    """Raises NOT_FOUND for a workflow that is gone, INVALID_DEFINITION, INVALID_INPUT."""
    options = StartOptions.model_validate(trigger.options)
    begin = trigger.node_id or options.trigger
    options = options.model_copy(update={"trigger": begin})
    source = await source_of(context, trigger.workflow_id, options)
    inputs = inputs_of(trigger.input_mapping, payload, context.services.now_ms())
    return Prepared(source, fit_inputs(source, inputs), options)


async def source_of(context: ApiContext, workflow_id: str, options: StartOptions) -> WorkflowSource:
    """The stored workflow, compiled to begin where the options say. Raises as ``prepare``."""
    workflow = await context.workflow(workflow_id)
    check_options(options, workflow)
    workflow = await in_version(context, workflow, options.version)
    return WorkflowSource(await context.compiler.stored(workflow.hash, workflow.definition, options.trigger), workflow)


async def fire(
    context: ApiContext, trigger: TriggerRecord, key: str, payload: dict[str, Any], *, test: bool = False
) -> tuple[FiringRecord, bool]:
    """Fire a trigger under a key, and start what it starts. Returns the firing, and whether the key was known before.

    Checks first, so that what cannot start is no firing. Raises as ``prepare``, and CONFLICT for a disabled trigger.
    """
    known = await context.read(context.directory.reader.triggers.firing, trigger.id, key)
    if known is None or known.status == STARTING:
        await prepare(context, trigger, payload)
    row = FiringRecord(trigger_id=trigger.id, fire_key=key, execution_id=context.services.new_id(), payload=payload)
    write = FireTrigger(trigger_id=trigger.id, firings=(row,), test=test, workspace_id=trigger.workspace_id)
    result = await context.write(write)
    if not isinstance(result, Fired):
        raise FlowrayError(ErrorCode.INTERNAL, f"the journal answered a firing with {type(result).__name__}")
    (firing,) = result.firings
    # A commit whose answer was lost is repeated: then the firing that is known is this one.
    known_before = bool(result.known) and firing.execution_id != row.execution_id
    if firing.status == STARTING:
        firing = await start_firing(context, firing)
    return firing, known_before


async def start_firing(context: ApiContext, firing: FiringRecord) -> FiringRecord:
    """Start the execution of a firing that is starting, and settle it as started, failed or skipped.

    Raises FlowrayError if it is worth another try; the firing then stays as it is.
    """
    reached(CrashPoint.FIRING_RECORDED)
    trigger = await context.read(context.directory.reader.triggers.get, firing.trigger_id)
    if trigger is None:
        return await _settle(context, firing, SKIPPED, TRIGGER_GONE_REASON)
    try:
        await _start(context, trigger, firing)
    except FlowrayError as error:
        if error.retryable:
            raise
        logger.warning("flowray: the trigger %s could not start an execution: %s", trigger.id, error)
        return await _settle(context, firing, FAILED, f"{error.code}: {error.message}")
    except Exception as error:
        logger.exception("flowray: the trigger %s could not start an execution", trigger.id)
        return await _settle(context, firing, FAILED, f"{ErrorCode.INTERNAL}: {type(error).__name__}: {error}")
    reached(CrashPoint.FIRING_STARTED)
    return await _settle(context, firing, STARTED, None)


async def _start(context: ApiContext, trigger: TriggerRecord, firing: FiringRecord) -> None:
    prepared = await prepare(context, trigger, firing.payload or {})
    if trigger.config.get("overlap") == CANCEL_OTHER:
        await _cancel_others(context, trigger, firing)
    await declare_queue(context, prepared.source.compiled, trigger.workflow_id)
    record = make_record(context, prepared.source, prepared.inputs, prepared.options)
    record = msgspec.structs.replace(
        record,
        id=firing.execution_id,
        workspace_id=firing.workspace_id,
        metadata={**record.metadata, "trigger_id": trigger.id, "trigger_kind": trigger.kind, "firing": firing.fire_key},
    )
    await start_executions(context, [record], prepared.source.compiled.plan_bytes)


async def _cancel_others(context: ApiContext, trigger: TriggerRecord, firing: FiringRecord) -> None:
    for execution_id in await context.read(context.directory.reader.triggers.running, trigger.id):
        if execution_id == firing.execution_id:
            continue
        request = InboxRecord(
            id=context.services.new_id(),
            execution_id=execution_id,
            kind=CANCEL,
            data={"reason": f"Replaced by {firing.execution_id}, which its trigger started"},
            received_at=context.services.now_ms(),
            dedupe_key=CANCEL,
        )
        try:
            accepted(await context.directory.request(request))
        except FlowrayError as error:
            if error.code not in (ErrorCode.EXECUTION_ENDED, ErrorCode.NOT_FOUND):
                raise


async def _settle(context: ApiContext, firing: FiringRecord, status: str, reason: str | None) -> FiringRecord:
    short = None if reason is None else reason[:MAX_REASON_CHARS]
    await context.write(
        SettleFiring(trigger_id=firing.trigger_id, fire_key=firing.fire_key, status=status, reason=short)
    )
    return msgspec.structs.replace(firing, status=status, reason=short, payload=None, retry_at=None)


def started_or_raise(firing: FiringRecord) -> FiringRecord:
    """The firing, if an execution came of it. Raises CONFLICT with the reason if none did."""
    if firing.status in (SKIPPED, FAILED):
        raise FlowrayError(
            ErrorCode.CONFLICT,
            f"this firing started nothing: {firing.reason or firing.status}",
            details={"trigger_id": firing.trigger_id, "fire_key": firing.fire_key},
            hint="use a new key to fire again",
        )
    return firing
