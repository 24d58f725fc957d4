"""Events from outside, by name: what of the executions that wait for one goes on with it. Starts nothing; triggers do.

An event counts for the waits that are there when it comes. Nobody keeps it for later ones: what is to be found by
whoever looks later is a shared waitpoint.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool

from flowray.api.context import ApiContext
from flowray.definition.answers import prepare_answer
from flowray.engine.waitpoint_sources import of_event
from flowray.errors import InputError
from flowray.persistence.records import InboxRecord, WaitpointRecord
from flowray.persistence.writes import Inserted, InsertInbox
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.waitpoints import OPEN, answer_row
from flowray.values import Json, stable_hash

PAGE_ROWS = 200


async def deliver_event(
    context: ApiContext, name: str, data: Json, key: str | None = None, at_ms: int | None = None
) -> list[str]:
    """Answer every wait for the event ``name`` whose filter ``data`` fits; returns the executions that go on.

    A wait that has had its answer already is left alone, so that a repeat does no harm to those that the first one
    released. ``at_ms``: when the event happened, or came for the first time; waits that began later do not count.
    ``key`` identifies the event: what an execution waits for since it was answered under this key is none of its
    business, either, as the next round of a loop.
    """
    now = context.services.now_ms()
    prefix = _prefix(name, key, now)
    released: list[str] = []
    cursor: str | None = None
    while True:
        page = await context.read(
            context.directory.reader.waitpoints, status=OPEN, source=of_event(name), limit=PAGE_ROWS, cursor=cursor
        )
        ids = {waiting.execution_id or "" for waiting in page.data}
        told = {} if key is None else await context.read(context.directory.reader.first_received, ids, prefix)
        rows = [
            _row(prefix, waiting, name, answer, key, now)
            for waiting in page.data
            if _was_there(waiting, told.get(waiting.execution_id or "", at_ms)) and fits(waiting.filter, data)
            for answer in await _fitting(waiting, data)
        ]
        released += await _answer(context, rows)
        cursor = page.next_cursor
        if cursor is None:
            return list(dict.fromkeys(released))


async def _fitting(waiting: WaitpointRecord, data: Json) -> list[Json]:
    """The answer as it is expected; none where the event brings something else."""
    try:
        return [await run_in_threadpool(prepare_answer, waiting.expected_input, data)]
    except InputError:
        return []


async def _answer(context: ApiContext, rows: list[InboxRecord]) -> list[str]:
    if not rows:
        return []
    results = await context.directory.write([InsertInbox(record=row) for row in rows])
    # Existing and Refused: it was answered, or has ended, since this looked.
    released = [row.execution_id for row, result in zip(rows, results, strict=True) if isinstance(result, Inserted)]
    if released:
        reached(CrashPoint.FANOUT_DURABLE)
        await context.directory.wake(released)
    return released


def _was_there(waiting: WaitpointRecord, at_ms: int | None) -> bool:
    return at_ms is None or waiting.created_at <= at_ms


def _prefix(name: str, key: str | None, now: int) -> str:
    """How the ids of an event's answers begin."""
    return f"event:{stable_hash([name, key, now if key is None else None])[:32]}:"


def _row(prefix: str, waiting: WaitpointRecord, name: str, data: Json, key: str | None, now: int) -> InboxRecord:
    return answer_row(
        f"{prefix}{waiting.id}",
        waiting.execution_id or "",
        waiting.id,
        data,
        now_ms=now,
        by=f"event:{name}",
        origin={"via": "event", "event": name, "key": key},
    )


def fits(wanted: dict[str, Any] | None, data: Json) -> bool:
    """Whether ``data`` has, at each dotted path, the value that is wanted there, or one of a list of them."""
    for path, value in (wanted or {}).items():
        found = _at(data, path)
        if not any(_same(found, choice) for choice in (value if isinstance(value, list) else [value])):
            return False
    return True


def _same(left: Json, right: Json) -> bool:
    """Equal as JSON: true is not 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _at(data: Json, path: str) -> Json:
    """What stands at a dotted path; None where nothing does."""
    found = data
    for part in path.split("."):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
