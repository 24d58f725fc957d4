"""Answers to waitpoints: checked, put into the inbox, and only then acknowledged (R25). The first one counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from flowray.api.context import ApiContext, accepted, not_found
from flowray.api.waitpoints.shared import complete_shared
from flowray.definition.answers import prepare_answer
from flowray.engine.waitpoint_sources import token_hash
from flowray.errors import ErrorCode, FlowrayError, InputError
from flowray.persistence.records import ExecutionRecord, WaitpointRecord
from flowray.persistence.writes import Existing, Refused
from flowray.plan import plan_from_json
from flowray.runtime import waitpoints
from flowray.values import Json


@dataclass(frozen=True)
class Answer:
    """What became of an answer. ``already``: somebody had answered before, with ``data``."""

    data: Json
    already: bool = False


async def find_by_token(context: ApiContext, token: str) -> WaitpointRecord:
    """Raises NOT_FOUND, without telling the token to logs."""
    found = await context.read(context.directory.reader.waitpoint_by_token, token_hash(token))
    if found is None:
        raise FlowrayError(
            ErrorCode.NOT_FOUND,
            "there is no waitpoint with this token",
            hint="tokens stand in waiting_for of an execution and in GET /v1/waitpoints",
        )
    return found


async def find_by_id(context: ApiContext, execution: ExecutionRecord, named: str) -> WaitpointRecord:
    """A waitpoint of an execution by its id, or by the name that a node of its plan gives it (R30). Raises NOT_FOUND.

    A named one may be answered before any node waits there; then it has no row yet.
    """
    prefix = waitpoints.waitpoint_id(execution.id, "")
    its_id = named if named.startswith(prefix) else f"{prefix}/{named}"
    found = await context.read(context.directory.reader.waitpoint, its_id)
    if found is not None:
        return found
    key = waitpoints.key_of(execution.id, its_id)
    if not key.startswith("/") or key[1:] not in await _names(context, execution):
        raise not_found("waitpoint", named)
    return WaitpointRecord(
        id=its_id, execution_id=execution.id, kind="person", status=waitpoints.OPEN, created_at=execution.created_at
    )


async def _names(context: ApiContext, execution: ExecutionRecord) -> set[str]:
    """The names that nodes of its plan give waitpoints, where they are no templates."""
    plan = await context.read(context.directory.reader.plan, execution.plan_hash)
    if plan is None:
        return set()
    return {str(node.config["waitpoint"]) for node in plan_from_json(plan).nodes.values() if "waitpoint" in node.config}


def origin_of(request: Request, via: str) -> dict[str, str]:
    """From where an answer comes, as it is kept with the waitpoint."""
    address = {"address": request.client.host} if request.client is not None else {}
    agent = request.headers.get("user-agent")
    return {"via": via, **address, **({"user_agent": agent[:200]} if agent else {})}


async def answer(
    context: ApiContext,
    found: WaitpointRecord,
    data: Json,
    variables: Mapping[str, Any] | None = None,
    *,
    by: str | None = None,
    origin: dict[str, str] | None = None,
) -> Answer:
    """Keep an answer, or say which one came first. ``variables`` are set along with it; ``origin`` as ``origin_of``.

    Raises INVALID_INPUT for data that does not fit, which leaves the waitpoint open; WAITPOINT_TIMEOUT and
    EXECUTION_ENDED for one that is closed.
    """
    if found.status != waitpoints.OPEN:
        return _of_closed(found)
    try:
        fitting = await run_in_threadpool(prepare_answer, found.expected_input, data)
    except InputError as error:
        errors = [{**item, "pointer": f"/data{item['pointer']}"} for item in error.details["errors"]]
        details = {"errors": errors, "execution_id": found.execution_id, "node_id": found.node_id or None}
        raise InputError(error.code, error.message, details=details, hint=error.hint) from None
    if found.execution_id is None:
        return _of_shared(await complete_shared(context, found, fitting, by, origin or {}))
    row = waitpoints.answer_row(
        context.services.new_id(), found.execution_id, found.id, fitting,
        now_ms=context.services.now_ms(), by=by, variables=dict(variables or {}), origin=origin,
    )  # fmt: skip
    result = await context.directory.request(row)
    if isinstance(result, Existing):
        return await _of_first(context, found, result.id)
    if isinstance(result, Refused) and result.code == ErrorCode.EXECUTION_ENDED:
        now = await context.read(context.directory.reader.waitpoint, found.id)
        return _of_closed(now if now is not None and now.status != waitpoints.OPEN else _cancelled(found))
    accepted(result)
    return Answer(fitting)


def _of_shared(closed: WaitpointRecord) -> Answer:
    mine = bool((closed.completed_from or {}).get("id"))
    return Answer(closed.data) if mine and closed.status == waitpoints.COMPLETED else _of_closed(closed)


async def _of_first(context: ApiContext, found: WaitpointRecord, row_id: str) -> Answer:
    """Something was put into the inbox before: an answer, or the end of the time to give one."""
    first = await context.read(context.directory.reader.inbox_row, str(found.execution_id), row_id)
    if first is not None and first.kind == waitpoints.ANSWER and isinstance(first.data, dict):
        return Answer(first.data.get("data"), already=True)
    raise _timed_out(found)


def _of_closed(found: WaitpointRecord) -> Answer:
    if found.status == "completed":
        return Answer(found.data, already=True)
    if found.status == "timed_out":
        raise _timed_out(found)
    raise FlowrayError(
        ErrorCode.EXECUTION_ENDED,
        "the execution that waited here has ended",
        details={"execution_id": found.execution_id},
    )


def _cancelled(found: WaitpointRecord) -> WaitpointRecord:
    return WaitpointRecord(
        id=found.id, execution_id=found.execution_id, kind=found.kind, status="cancelled", created_at=found.created_at
    )


def _timed_out(found: WaitpointRecord) -> FlowrayError:
    return FlowrayError(
        ErrorCode.WAITPOINT_TIMEOUT,
        "nobody answered this waitpoint in time",
        details={"execution_id": found.execution_id, "node_id": found.node_id or None},
    )
