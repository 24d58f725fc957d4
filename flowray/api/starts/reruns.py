"""Reruns of ended executions: what to run, with which inputs and changes → the record of a new execution, linked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowray.api.compilation import CompiledWorkflow
from flowray.api.context import ApiContext, not_found
from flowray.api.http.parameters import as_ms
from flowray.api.starts.callback_options import callback_column
from flowray.api.starts.points import refuse_part_options
from flowray.api.starts.queueing import queue_columns
from flowray.api.starts.starting import NOT_KEPT, check_options, fit_to
from flowray.definition.diagnostics import pointer
from flowray.definition.inputs import InputContract, contract_of
from flowray.engine.start_planning import StartRequest
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.queues.admission import INLINE, queue_of_workflow
from flowray.persistence.records import ExecutionRecord, WorkflowRecord
from flowray.plan import ROOT, ExecutionPlan, plan_from_json
from flowray.runtime.start_points import check_ended, prepare_start
from flowray.wire import RerunRequest


@dataclass(frozen=True)
class _Rerun:
    """What a rerun runs. ``version`` of the workflow, None where the definition is no version of it."""

    plan: ExecutionPlan
    plan_bytes: bytes
    plan_hash: str
    contract: InputContract
    name: str
    version: int | None


async def prepare_rerun(
    context: ApiContext, source: ExecutionRecord, body: RerunRequest, key: str | None, body_hash: str
) -> tuple[ExecutionRecord, bytes]:
    """The record of the new execution, and its plan. What it takes over is its own by then.

    Raises EXECUTION_NOT_ENDED, INVALID_START_POINT, and what compiling an edited definition or fitting inputs raises.
    """
    check_ended(source)
    check_options(body.options.model_copy(update={"version": None}), None)
    refuse_part_options(body.options, "a rerun: it has fields of its own for that")
    rerun = await _what_to_run(context, source, body)
    inputs = {**source.inputs, **(body.inputs or {})}
    if body.inputs or rerun.plan_hash != source.plan_hash:
        inputs = fit_to(rerun.contract, inputs)
    request = StartRequest(
        from_node=body.from_node, until_node=body.until_node, failed_only=body.failed_only, pins=body.pins,
        fresh_inputs=inputs != source.inputs,
    )  # fmt: skip
    record = _record(context, source, body, rerun, inputs, key, body_hash)
    record = await prepare_start(context.directory, rerun.plan, request, record, source)
    _check_changes_run(body.config, rerun.plan, record)
    return record, rerun.plan_bytes


async def _what_to_run(context: ApiContext, source: ExecutionRecord, body: RerunRequest) -> _Rerun:
    """The plan of the source, unless the request brings or changes a definition: then that, compiled."""
    trigger = body.options.trigger or source.options.get("trigger")
    if body.definition is not None:
        compiled = await context.compiler.document(body.definition, trigger=trigger)
    elif body.config or body.options.version is not None or body.options.trigger is not None:
        workflow = await _workflow(context, source, body.options.version)
        compiled = await context.compiler.stored(workflow.hash, workflow.definition, trigger)
        if not body.config:
            return _compiled(compiled, workflow.version)
    else:
        return await _as_it_was(context, source)
    if body.config:
        compiled = await context.compiler.document(_with_config(compiled.dumped, body.config), trigger=trigger)
    return _compiled(compiled, None)


def _compiled(compiled: CompiledWorkflow, version: int | None) -> _Rerun:
    return _Rerun(
        compiled.plan, compiled.plan_bytes, compiled.plan_hash, compiled.contract, compiled.definition.name, version
    )


async def _as_it_was(context: ApiContext, source: ExecutionRecord) -> _Rerun:
    text = await context.read(context.directory.reader.plan, source.plan_hash)
    if text is None:
        raise FlowrayError(
            ErrorCode.NOT_FOUND, "the plan of this execution is no longer kept", hint="send the 'definition' to run"
        )
    plan = plan_from_json(text)
    contract = contract_of(plan.nodes, plan.input_schema)
    return _Rerun(plan, text, source.plan_hash, contract, source.workflow_name, source.workflow_version)


async def _workflow(context: ApiContext, source: ExecutionRecord, version: int | None) -> WorkflowRecord:
    """The version of the source's workflow that is asked for, or that it ran. Raises INVALID_START_POINT, NOT_FOUND."""
    wanted = version if version is not None else source.workflow_version
    if source.workflow_id is None or wanted is None:
        raise FlowrayError(
            ErrorCode.INVALID_START_POINT,
            f"execution {source.id!r} ran a definition that is not kept, so nothing of it can be changed",
            details={"execution_id": source.id},
            hint="send the whole 'definition' with the change in it",
        )
    found = await context.read(context.directory.reader.workflow_version, source.workflow_id, wanted)
    if found is None:
        raise not_found("workflow version", f"{source.workflow_id}@{wanted}")
    return found


def _with_config(dumped: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A definition with some config fields replaced. Raises INVALID_START_POINT for a node that it does not have."""
    nodes = dict(dumped["nodes"])
    for node_id, fields in changes.items():
        if node_id not in nodes:
            raise _bad_change(node_id, f"{node_id!r} is no node of the definition")
        nodes[node_id] = {**nodes[node_id], "config": {**nodes[node_id].get("config", {}), **fields}}
    return {**dumped, "nodes": nodes}


def _check_changes_run(changes: Mapping[str, Any], plan: ExecutionPlan, record: ExecutionRecord) -> None:
    """A change that nothing reads would look like one that has no effect. Raises INVALID_START_POINT."""
    may_run = (record.selection or {}).get("may_run")
    if may_run is None:
        return
    for node_id in changes:
        root = node_id
        while root in plan.nodes and plan.nodes[root].scope != ROOT:
            root = plan.nodes[root].scope
        if root not in may_run:
            raise _bad_change(node_id, f"{node_id!r} does not run in this rerun: changing its config has no effect")


def _bad_change(node_id: str, message: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_START_POINT,
        message,
        details={"errors": [{"pointer": pointer("config", node_id), "message": message}], "node_id": node_id},
    )


def _record(
    context: ApiContext,
    source: ExecutionRecord,
    body: RerunRequest,
    rerun: _Rerun,
    inputs: dict[str, Any],
    key: str | None,
    body_hash: str,
) -> ExecutionRecord:
    now, options = context.services.now_ms(), body.options
    return ExecutionRecord(
        id=context.services.new_id(),
        plan_hash=rerun.plan_hash,
        workflow_id=source.workflow_id,
        workflow_version=rerun.version,
        workflow_name=rerun.name,
        inputs=inputs,
        options=options.model_dump(mode="json", exclude_defaults=True, exclude=NOT_KEPT),
        labels=options.labels or source.labels,
        metadata=options.metadata or source.metadata,
        trigger=rerun.plan.trigger,
        rerun_of=source.id,
        deadline_at=as_ms(options.deadline),
        callback=callback_column(options),
        created_at=now,
        updated_at=now,
        idempotency_key=key,
        request_hash=body_hash if key is not None else None,
        **queue_columns(_queue(source), options, now, key),
    )


def _queue(source: ExecutionRecord) -> str:
    """Where the execution was that runs again; those of the first schema were in none."""
    return source.queue or (INLINE if source.workflow_id is None else queue_of_workflow(source.workflow_id))
