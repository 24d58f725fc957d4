"""Filters of executions: read from a query, and the page that one fits. Lists and calls about many both come here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query

from flowray import wire
from flowray.api.context import ApiContext
from flowray.api.http.parameters import as_ms, split_names
from flowray.engine.statuses import ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord, Page
from flowray.wire.filters import MOST_IDS, MOST_LABELS

Statuses = Annotated[list[str] | None, Query(description="One status, several separated by commas, or repeated.")]
Labels = Annotated[
    list[str] | None, Query(description="A label as name=value; repeated, all of them.", examples=[["team=a"]])
]
Moment = Annotated[datetime | None, Query(description="ISO 8601; UTC if it names no offset.")]


def filter_of_query(
    status: Statuses = None,
    workflow_id: Annotated[str | None, Query()] = None,
    batch_id: Annotated[str | None, Query()] = None,
    parent_id: Annotated[str | None, Query(description="Only what this execution has called.")] = None,
    labels: Labels = None,
    created_after: Moment = None,
    created_before: Moment = None,
    ids: Annotated[list[str] | None, Query(description="One of these; separated by commas, or repeated.")] = None,
) -> wire.ExecutionFilter:
    """The filter that the parameters say. Raises INVALID_REQUEST for a status or a label that is none."""
    return wire.ExecutionFilter.model_validate(
        {
            "status": list(_statuses(status)),
            "workflow_id": workflow_id,
            "batch_id": batch_id,
            "parent_id": parent_id,
            "labels": read_labels(labels or []),
            "created_after": created_after,
            "created_before": created_before,
            "ids": _ids(ids),
        }
    )


QueryFilter = Annotated[wire.ExecutionFilter, Depends(filter_of_query)]


def read_labels(pairs: list[str]) -> dict[str, str]:
    """Labels from ``name=value``. Raises INVALID_REQUEST, also for one name with two values: nothing has both."""
    labels: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise FlowrayError(
                ErrorCode.INVALID_REQUEST, f"{pair[:60]!r} is not a label", hint="name=value, such as labels=team=a"
            )
        if labels.setdefault(name, value) != value:
            raise FlowrayError(ErrorCode.INVALID_REQUEST, f"the label {name[:60]!r} cannot have two values")
    if len(labels) > MOST_LABELS:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"a filter has at most {MOST_LABELS} labels")
    return labels


async def filtered_page(
    context: ApiContext, wanted: wire.ExecutionFilter, limit: int, cursor: str | None, default: tuple[str, ...] = ()
) -> Page:
    """The executions that it fits, newest first; all those named by ``ids`` in one page, in their order.

    ``default``: the statuses that are meant by a filter that names none; none for whatever status.
    """
    statuses = tuple(wanted.status) or default
    if wanted.ids:
        return await _named(context, wanted, statuses)
    return await context.read(
        context.directory.reader.executions,
        status=statuses,
        workflow_id=wanted.workflow_id,
        batch_id=wanted.batch_id,
        parent_id=wanted.parent_id,
        labels=wanted.labels,
        created_after=as_ms(wanted.created_after),
        created_before=as_ms(wanted.created_before),
        limit=limit,
        cursor=cursor,
    )


async def _named(context: ApiContext, wanted: wire.ExecutionFilter, statuses: tuple[str, ...]) -> Page:
    after, before = as_ms(wanted.created_after), as_ms(wanted.created_before)
    fits: list[Callable[[ExecutionRecord], bool]] = [
        lambda record: not statuses or record.status in statuses,
        lambda record: wanted.workflow_id in (None, record.workflow_id),
        lambda record: wanted.batch_id in (None, record.batch_id),
        lambda record: wanted.parent_id in (None, record.parent_id),
        lambda record: wanted.labels.items() <= record.labels.items(),
        lambda record: after is None or record.created_at > after,
        lambda record: before is None or record.created_at < before,
    ]
    found = [await context.read(context.directory.reader.execution, its_id) for its_id in dict.fromkeys(wanted.ids)]
    return Page(data=tuple(record for record in found if record is not None and all(fit(record) for fit in fits)))


def _ids(given: list[str] | None) -> list[str]:
    names = split_names(given)
    if len(names) > MOST_IDS:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"a filter has at most {MOST_IDS:,} ids")
    return list(names)


def _statuses(given: list[str] | None) -> tuple[str, ...]:
    names = split_names(given)
    for name in names:
        if name not in set(ExecutionStatus):
            raise FlowrayError(
                ErrorCode.INVALID_REQUEST,
                f"{name[:60]!r} is not a status of an execution",
                hint=f"one of {', '.join(status.value for status in ExecutionStatus)}",
            )
    return names
