"""Requests to run → executions that are kept. Validates, compiles, commits; never runs anything (R42, R43)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowray.api.compilation import CompiledWorkflow
from flowray.api.context import ApiContext, accepted
from flowray.api.http.error_responses import BodyError
from flowray.api.http.parameters import as_ms
from flowray.api.starts.callback_options import CALLBACK_OPTIONS, callback_column
from flowray.api.starts.queueing import queue_columns, queue_of
from flowray.definition.diagnostics import pointer
from flowray.definition.inputs import InputContract, prepare_inputs
from flowray.errors import ErrorCode, FlowrayError, InputError
from flowray.persistence.records import ExecutionRecord, WorkflowRecord
from flowray.persistence.writes import AnyResult, Existing, Inserted
from flowray.values import stable_hash
from flowray.wire import StartOptions

MAX_KEY_CHARS = 255

NOT_KEPT = {"labels", "metadata", "idempotency_key", "idempotency_ttl_ms", "deadline", "pins", *CALLBACK_OPTIONS}
"""Options that have a column of their own, or stand in the log."""


@dataclass(frozen=True)
class WorkflowSource:
    """What is to run: a compiled definition, and the stored workflow that it is, if any."""

    compiled: CompiledWorkflow
    workflow: WorkflowRecord | None = None


@dataclass(frozen=True)
class StartedExecution:
    """A kept execution. ``replayed``: the same Idempotency-Key and body had started it before. ``record``: its row as
    it was inserted, unless it was replayed.
    """

    id: str
    status: str
    replayed: bool = False
    record: ExecutionRecord | None = None


def check_options(options: StartOptions, workflow: WorkflowRecord | None) -> None:
    """Raises INVALID_REQUEST for the version of no workflow, and for a callback that cannot be."""
    callback_column(options)
    if options.version is not None and workflow is None:
        raise BodyError(ErrorCode.INVALID_REQUEST, "the option 'version' needs a stored workflow")


async def in_version(context: ApiContext, workflow: WorkflowRecord, version: int | None) -> WorkflowRecord:
    """The workflow as it was saved in ``version``, None being the present one. Raises NOT_FOUND."""
    if version in (None, workflow.version):
        return workflow
    found = await context.read(context.directory.reader.workflow_version, workflow.id, version or 0)
    if found is None:
        raise FlowrayError(
            ErrorCode.NOT_FOUND,
            f"workflow {workflow.id!r} has no version {version}; it is at version {workflow.version}",
            hint="leave the option 'version' out to run the present one",
        )
    return found


def idempotency_key(header: str | None, options: StartOptions) -> str | None:
    """The key of a start: the header's, else the option's. Raises INVALID_REQUEST for an unusable header."""
    if header is None:
        return options.idempotency_key
    if not 0 < len(header) <= MAX_KEY_CHARS:
        raise FlowrayError(
            ErrorCode.INVALID_REQUEST, f"Idempotency-Key must have 1 to {MAX_KEY_CHARS} characters, not {len(header)}"
        )
    return header


def request_hash(body: Mapping[str, Any]) -> str:
    """What makes two requests with the same key the same request. ``body`` is JSON."""
    return stable_hash(body)


def make_record(
    context: ApiContext,
    source: WorkflowSource,
    inputs: dict[str, Any],
    options: StartOptions,
    *,
    key: str | None = None,
    body_hash: str | None = None,
    batch: tuple[str, int] | None = None,
) -> ExecutionRecord:
    """The row of a new execution. ``inputs`` are prepared; ``batch`` is ``(batch id, row)``. Owner is set later."""
    now = context.services.now_ms()
    compiled, workflow = source.compiled, source.workflow
    kept = options.model_dump(mode="json", exclude_defaults=True, exclude=NOT_KEPT)
    return ExecutionRecord(
        id=context.services.new_id(),
        plan_hash=compiled.plan_hash,
        workflow_id=workflow.id if workflow else None,
        workflow_version=workflow.version if workflow else None,
        workflow_name=compiled.definition.name,
        inputs=inputs,
        options=kept if batch is None else {**kept, "batch_index": batch[1]},
        labels=options.labels,
        metadata=options.metadata,
        trigger=compiled.plan.trigger,
        batch_id=batch[0] if batch else None,
        deadline_at=as_ms(options.deadline),
        callback=callback_column(options),
        created_at=now,
        updated_at=now,
        idempotency_key=key,
        request_hash=body_hash if key is not None else None,
        **queue_columns(queue_of(compiled, workflow.id if workflow else None), options, now, key),
    )


def fit_inputs(
    source: WorkflowSource, inputs: Mapping[str, Any], at: Sequence[str | int] = ("inputs",)
) -> dict[str, Any]:
    """As ``fit_to``, for the contract of what is to run."""
    return fit_to(source.compiled.contract, inputs, at)


def fit_to(contract: InputContract, inputs: Mapping[str, Any], at: Sequence[str | int] = ("inputs",)) -> dict[str, Any]:
    """``prepare_inputs`` with pointers into the request's body, where the inputs stand ``at``."""
    try:
        return prepare_inputs(contract, inputs)
    except InputError as error:
        findings = [{**item, "pointer": pointer(*at) + item["pointer"]} for item in error.details["errors"]]
        raise InputError(error.code, error.message, details={"errors": findings}, hint=error.hint) from None


async def start_executions(
    context: ApiContext, records: Sequence[ExecutionRecord], plan: bytes
) -> list[StartedExecution]:
    """Commit the rows and set them going. Raises IDEMPOTENCY_MISMATCH if a key came with another body before.

    Once begun it runs to its end even if the client goes away: what was asked for is started whole or not at all.
    """
    starting = asyncio.ensure_future(context.directory.start(records, plan))
    results = await asyncio.shield(starting)
    started = [_started(record, accepted(result)) for record, result in zip(records, results, strict=True)]
    replayed = sum(item.replayed for item in started)
    context.metrics.executions_started(len(started) - replayed, replayed)
    return started


def _started(record: ExecutionRecord, result: AnyResult) -> StartedExecution:
    if isinstance(result, Existing) and result.id != record.id:
        if result.request_hash != record.request_hash:
            raise FlowrayError(
                ErrorCode.IDEMPOTENCY_MISMATCH,
                f"the idempotency key {record.idempotency_key!r} was used with another request",
                details={"execution_id": result.id},
                hint="use a new key for a new request; repeat a request with an unchanged body",
            )
        return StartedExecution(result.id, result.status or record.status, replayed=True)
    assert isinstance(result, Inserted | Existing)
    return StartedExecution(record.id, result.status or record.status, record=record)
