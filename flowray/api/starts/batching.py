"""One workflow over many inputs: rows checked together, started in chunks, counted and read back by their batch id."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from flowray.api.context import ApiContext, not_found
from flowray.api.starts.points import select_rows
from flowray.api.starts.starting import (
    StartedExecution,
    WorkflowSource,
    fit_inputs,
    make_record,
    request_hash,
    start_executions,
)
from flowray.api.views.rows import ValueResolver, error_view
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError, InputError
from flowray.eventlog.sse import iso_time
from flowray.persistence.records import ExecutionRecord
from flowray.values import encode_json, stable_hash
from flowray.wire import StartOptions

MAX_FINDINGS = 100
_PAGE = 200


def fit_rows(source: WorkflowSource, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All rows prepared. Raises InputError with the misfits of every row (at most 100), before anything is stored."""
    prepared, findings = [], []
    for index, row in enumerate(rows):
        try:
            prepared.append(fit_inputs(source, row, ("inputs", index)))
        except InputError as error:
            findings += error.details["errors"]
            if len(findings) >= MAX_FINDINGS:
                break
    if findings:
        raise InputError(
            ErrorCode.INVALID_INPUT,
            f"rows do not fit the workflow: {findings[0]['message']} (at {findings[0]['pointer']})",
            details={"errors": findings[:MAX_FINDINGS]},
            hint="no row was started",
        )
    return prepared


def batch_id_of(context: ApiContext, workflow_id: str, key: str | None) -> str:
    """A new id; with an idempotency key always the same, so that a repeat finds the batch it has begun."""
    return context.services.new_id() if key is None else stable_hash([workflow_id, key])[:32]


async def start_batch(
    context: ApiContext,
    source: WorkflowSource,
    batch_id: str,
    rows: Sequence[dict[str, Any]],
    options: StartOptions,
    key: str | None,
) -> list[StartedExecution]:
    """Start a row each, in order, in chunks that share commits. ``rows`` are prepared.

    If a chunk fails, the error names the batch and how many rows were started: a repeat with the same idempotency key
    starts the rest.
    """
    started: list[StartedExecution] = []
    # Of the whole batch: the same key with one row more or less is another request.
    kept = options.model_dump(mode="json", exclude={"idempotency_key", "idempotency_ttl_ms"})
    body_hash = request_hash({"inputs": rows, "options": kept})
    size = context.options.batch_chunk_rows
    for first in range(0, len(rows), size):
        records = [
            make_record(
                context,
                source,
                row,
                options,
                key=f"batch:{key}:{index}" if key is not None else None,
                body_hash=body_hash,
                batch=(batch_id, index),
            )
            for index, row in enumerate(rows[first : first + size], start=first)
        ]
        try:
            records = await select_rows(context, records, source.compiled.plan, options)
            started += await start_executions(context, records, source.compiled.plan_bytes)
        except FlowrayError as error:
            if not started:
                raise
            raise FlowrayError(
                error.code,
                f"batch {batch_id!r}: {len(started)} of {len(rows)} rows were started, then: {error.message}",
                details={**error.details, "batch_id": batch_id, "started": len(started)},
                hint="repeat the request with the same Idempotency-Key to start the rest",
                retryable=error.retryable,
            ) from error
    return started


async def batch_view(context: ApiContext, batch_id: str) -> dict[str, Any]:
    """``wire.Batch``. Raises NOT_FOUND."""
    statuses: Counter[str] = Counter()
    first: ExecutionRecord | None = None
    async with aclosing(batch_records(context, batch_id)) as records:
        async for record in records:
            statuses[record.status] += 1
            first = record
    if first is None:
        raise not_found("batch", batch_id)
    ended = sum(count for status, count in statuses.items() if status in TERMINAL_EXECUTION)
    count = statuses.total()
    return {
        "batch_id": batch_id,
        "workflow_id": first.workflow_id,
        "count": count,
        "statuses": dict(statuses),
        "ended": ended,
        "percent": round(ended * 100 / count, 1),
        "done": ended == count,
        "created_at": iso_time(first.created_at),
    }


async def batch_records(context: ApiContext, batch_id: str) -> AsyncGenerator[ExecutionRecord, None]:
    """All executions of a batch, newest first, a page at a time."""
    cursor = None
    while True:
        page = await context.read(context.directory.reader.executions, batch_id=batch_id, limit=_PAGE, cursor=cursor)
        for record in page.data:
            yield record
        cursor = page.next_cursor
        if cursor is None:
            return


async def result_lines(context: ApiContext, batch_id: str) -> AsyncGenerator[str, None]:
    """``wire.BatchResult`` as JSON lines, newest first. A failure on the way becomes a last line ``{"error": …}``."""
    try:
        async with aclosing(batch_records(context, batch_id)) as records:
            async for line in _lines(context, records):
                yield line
    except FlowrayError as error:
        yield _line({"error": {"code": error.code.value, "message": error.message}})


async def _lines(context: ApiContext, records: AsyncIterator[ExecutionRecord]) -> AsyncIterator[str]:
    async for record in records:
        resolver = ValueResolver(record.payload_owner, context.directory.load_payload, context.options.max_answer_bytes)
        yield _line(
            {
                "index": record.options.get("batch_index"),
                "execution_id": record.id,
                "status": record.status,
                "outputs": await resolver.resolve(record.outputs),
                "error": error_view(record.error),
            }
        )


def _line(value: dict[str, Any]) -> str:
    return encode_json(value).decode() + "\n"
