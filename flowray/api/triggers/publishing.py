"""The triggers of a workflow's nodes: registered disabled when it is saved, enabled when it is published."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.api.compilation import CompiledWorkflow
from flowray.api.context import ApiContext, accepted
from flowray.api.triggers.setup import armed, database_now, topic_of, trigger_view
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records.triggers import TriggerRecord
from flowray.persistence.writes.triggers import RegisterTriggers, SaveTrigger
from flowray.triggers.configs import TriggerKind, trigger_of_node

TRIGGER_TYPE = "trigger"


async def registration(context: ApiContext, compiled: CompiledWorkflow, workflow_id: str) -> RegisterTriggers:
    """What a save of the workflow says about its triggers.

    A node whose config makes no trigger, which in a foreign dialect is only a warning, is left out.
    """
    records = []
    for node_id, node in compiled.definition.nodes.items():
        if node.type != TRIGGER_TYPE:
            continue
        try:
            record = _record(context, workflow_id, node_id, node.name or "", node.config)
        except ValueError:
            continue
        if record.kind == TriggerKind.SCHEDULE:
            record = armed(record, await database_now(context))
        records.append(msgspec.structs.replace(record, enabled=False))
    return RegisterTriggers(
        workflow_id=workflow_id, hash=compiled.hash, triggers=tuple(records), ts=context.services.now_ms()
    )


def _record(context: ApiContext, workflow_id: str, node_id: str, name: str, config: dict[str, Any]) -> TriggerRecord:
    """As it would be if it were enabled. Raises ValueError."""
    said = trigger_of_node(config)
    return TriggerRecord(
        id=context.services.new_id(),
        workflow_id=workflow_id,
        node_id=node_id,
        kind=said.kind.value,
        name=name,
        config=said.config.stored(),
        input_mapping=said.input_mapping,
        topic=topic_of(said.config),
        enabled=True,
    )


async def publish(context: ApiContext, workflow_id: str) -> dict[str, Any]:
    """``wire.Publication``, once the triggers of all its nodes are enabled. Safe to repeat.

    Raises NOT_FOUND, INVALID_DEFINITION for a trigger node that makes no trigger, CONFLICT.
    """
    workflow = await context.workflow(workflow_id)
    compiled = await context.compiler.stored(workflow.hash, workflow.definition)
    _check_nodes(compiled)
    # A workflow may have been saved before there were triggers.
    await context.write(await registration(context, compiled, workflow_id))
    return await _switch(context, workflow_id, True)


async def unpublish(context: ApiContext, workflow_id: str) -> dict[str, Any]:
    """``wire.Publication``, once none of them is. Safe to repeat."""
    await context.workflow(workflow_id)
    return await _switch(context, workflow_id, False)


async def _switch(context: ApiContext, workflow_id: str, enabled: bool) -> dict[str, Any]:
    """All at once, in one transaction."""
    read = context.directory.reader.triggers
    now = await database_now(context)
    writes = []
    for record in await context.read(read.of_nodes, workflow_id):
        if record.enabled != enabled:
            changed = msgspec.structs.replace(
                record, enabled=enabled, updated_at=context.services.now_ms(), revision=record.revision + 1
            )
            writes.append(SaveTrigger(record=armed(changed, now), expected_revision=record.revision, reschedule=True))
    if writes:
        for result in await context.directory.write(writes):
            accepted(result)
    triggers = [trigger_view(record) for record in await context.read(read.of_nodes, workflow_id)]
    return {"workflow_id": workflow_id, "published": enabled, "triggers": triggers}


def _check_nodes(compiled: CompiledWorkflow) -> None:
    for node_id, node in compiled.definition.nodes.items():
        if node.type == TRIGGER_TYPE:
            try:
                trigger_of_node(node.config)
            except ValueError as error:
                raise FlowrayError(
                    ErrorCode.INVALID_DEFINITION,
                    f"the node {node_id!r} makes no trigger: {str(error)[:300]}",
                    details={"node_id": node_id},
                    hint="correct its config, and save the workflow",
                ) from None
