"""Many executions at once: finds a page of those that a filter fits, and stops each or runs it again."""

from __future__ import annotations

from typing import Any

from flowray import wire
from flowray.api.context import ApiContext
from flowray.api.filters import filtered_page
from flowray.api.http.error_responses import BodyError
from flowray.api.starts.reruns import prepare_rerun
from flowray.api.starts.starting import request_hash, start_executions
from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord, InboxRecord, Page
from flowray.persistence.writes import InsertInbox, Refused
from flowray.runtime.children import CANCEL

ACTIVE = tuple(status.value for status in ExecutionStatus if status not in TERMINAL_EXECUTION)
UNLUCKY = (ExecutionStatus.FAILED.value, ExecutionStatus.CRASHED.value, ExecutionStatus.TIMED_OUT.value)

Item = dict[str, Any]


async def cancel_page(context: ApiContext, body: wire.BulkCancelRequest) -> dict[str, Any]:
    """Ask for the end of a page of executions. One commit for all of them."""
    page = await _page(context, body, ACTIVE)
    if body.dry_run:
        return _answer(page, [_item(record, "would") for record in page.data], body)
    rows = [_cancel_row(context, record, body.reason) for record in page.data]
    results = await context.directory.write([InsertInbox(record=row) for row in rows]) if rows else []
    items = [
        _item(record, "ended" if isinstance(result, Refused) else "cancelling")
        for record, result in zip(page.data, results, strict=True)
    ]
    await context.directory.wake([item["id"] for item in items if item["outcome"] == "cancelling"])
    return _answer(page, items, body)


async def rerun_page(context: ApiContext, body: wire.BulkRerunRequest, key: str | None) -> dict[str, Any]:
    """Run a page of executions again, one after the other."""
    page = await _page(context, body, UNLUCKY)
    if body.dry_run:
        return _answer(page, [_item(record, "would") for record in page.data], body)
    return _answer(page, [await _rerun(context, record, body, key) for record in page.data], body)


async def _rerun(context: ApiContext, source: ExecutionRecord, body: wire.BulkRerunRequest, key: str | None) -> Item:
    its_key = f"{key}:{source.id}" if key is not None else None
    asked = wire.RerunRequest(failed_only=body.failed_only)
    try:
        body_hash = request_hash({"rerun_of": source.id, "failed_only": body.failed_only})
        record, plan = await prepare_rerun(context, source, asked, its_key, body_hash)
        (started,) = await start_executions(context, [record], plan)
    except FlowrayError as error:
        if error.code in (ErrorCode.DATABASE_UNAVAILABLE, ErrorCode.RUNTIME_UNAVAILABLE):
            raise
        return _item(source, "failed", error={"code": error.code.value, "message": error.message})
    return _item(source, "started", started=started.id)


async def _page(context: ApiContext, body: wire.BulkRequest, default: tuple[str, ...]) -> Page:
    """Executions that the filter fits. Raises INVALID_REQUEST for a filter that says nothing: it would fit all."""
    wanted = body.filter
    if not wanted.model_dump(exclude_defaults=True):
        raise BodyError(
            ErrorCode.INVALID_REQUEST,
            "the filter says nothing, so it would mean every execution",
            details={"errors": [{"pointer": "/filter", "message": "give at least one criterion"}]},
            hint="to mean all of them, name their statuses",
        )
    return await filtered_page(context, wanted, body.limit, body.cursor, default)


def _cancel_row(context: ApiContext, record: ExecutionRecord, reason: str) -> InboxRecord:
    return InboxRecord(
        id=context.services.new_id(),
        execution_id=record.id,
        kind=CANCEL,
        data={"reason": reason},
        received_at=context.services.now_ms(),
        dedupe_key=CANCEL,
    )


def _item(record: ExecutionRecord, outcome: str, **more: Any) -> Item:
    return {"id": record.id, "status": record.status, "outcome": outcome, "started": None, "error": None, **more}


def _answer(page: Page, items: list[Item], body: wire.BulkRequest) -> dict[str, Any]:
    outcomes = [item["outcome"] for item in items]
    return {
        "data": items,
        "dry_run": body.dry_run,
        "changed": outcomes.count("cancelling") + outcomes.count("started"),
        "failed": outcomes.count("failed"),
        "next_cursor": page.next_cursor,
        "has_more": page.has_more,
    }
