"""Waitpoints between the engine and what is kept: ids, tokens, rows, and requests in the inbox as stimuli (R25, R30).

An answer and the end of the time to give one are inbox rows with one dedupe key: the database decides which came first,
and an answer that was accepted is never lost to a timer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.waitpoint_sources import token_hash
from flowray.persistence.records import InboxRecord, WaitpointClosing, WaitpointRecord
from flowray.persistence.writes import waitpoints as shared
from flowray.runtime.identifiers import new_token
from flowray.values import Json

ANSWER = shared.ANSWER
EXPIRY = shared.EXPIRY
PAUSE = "pause"
RESUME = "resume"

DEFAULT_TIMEOUT_MS = 7 * 86_400_000
"""How long a waitpoint stays open if its node does not say."""

OPEN = shared.OPEN
COMPLETED = shared.COMPLETED


def waitpoint_id(execution_id: str, key: str) -> str:
    """The id of a waitpoint, from its execution and its key there: never from the clock (R30)."""
    return f"{execution_id}:{key}"


def key_of(execution_id: str, waitpoint_id: str) -> str:
    """Undo ``waitpoint_id``."""
    return waitpoint_id.removeprefix(f"{execution_id}:")


def prepared(stimulus: st.AnyStimulus) -> st.AnyStimulus:
    """A result that asks for an answer gets its token, and a time unless it has one. The engine knows no chance."""
    if not isinstance(stimulus, st.AttemptSucceeded) or stimulus.signals.pause is None:
        return stimulus
    pause = stimulus.signals.pause
    pause = msgspec.structs.replace(
        pause,
        token=pause.token or new_token(),
        timeout_ms=DEFAULT_TIMEOUT_MS if pause.timeout_ms is None else pause.timeout_ms,
    )
    return msgspec.structs.replace(stimulus, signals=msgspec.structs.replace(stimulus.signals, pause=pause))


# -- rows of a commit ---------------------------------------------------------------------------------------------


def opened(execution_id: str, events: Iterable[ev.AnyEvent]) -> tuple[WaitpointRecord, ...]:
    """The waitpoints at which these events begin to wait."""
    waiting = (event for event in events if isinstance(event, ev.NodeWaiting) and event.pause is not None)
    return tuple(_record(execution_id, event) for event in waiting)


def _record(execution_id: str, event: ev.NodeWaiting) -> WaitpointRecord:
    pause = event.pause
    assert pause is not None
    return WaitpointRecord(
        id=waitpoint_id(execution_id, event.waitpoint),
        execution_id=execution_id,
        instance=event.instance,
        node_id=event.node_id,
        token=pause.token,
        token_hash=token_hash(pause.token),
        kind=pause.kind,
        status=OPEN,
        reason=pause.reason,
        prompt=pause.prompt,
        expected_input=pause.expected_input,
        created_at=event.ts,
        expires_at=event.due_at,
        source=pause.source or None,
        filter=pause.filter or None,
        tags=pause.tags,
    )


def closed(execution_id: str, events: Iterable[ev.AnyEvent]) -> tuple[WaitpointClosing, ...]:
    """The waitpoints that these events close."""
    return tuple(
        WaitpointClosing(
            id=waitpoint_id(execution_id, event.waitpoint), status=event.status, data=event.data, by=event.by
        )
        for event in events
        if isinstance(event, ev.WaitpointClosed)
    )


# -- rows of the inbox --------------------------------------------------------------------------------------------


def answer_row(
    row_id: str,
    execution_id: str,
    waitpoint_id: str,
    data: Json,
    *,
    now_ms: int,
    by: str | None = None,
    variables: dict[str, Any] | None = None,
    origin: dict[str, Any] | None = None,
) -> InboxRecord:
    """An answer. The first row with its dedupe key counts."""
    return InboxRecord(
        id=row_id,
        execution_id=execution_id,
        kind=ANSWER,
        waitpoint_id=waitpoint_id,
        data={"data": data, "variables": variables or {}},
        by=by,
        received_at=now_ms,
        dedupe_key=shared.dedupe_key(waitpoint_id),
        origin=origin,
    )


def expiry_row(execution_id: str, key: str, now_ms: int) -> InboxRecord:
    """The end of a waitpoint's time; the same row for whoever notices it."""
    its_id = waitpoint_id(execution_id, key)
    return InboxRecord(
        id=f"expired:{its_id}",
        execution_id=execution_id,
        kind=EXPIRY,
        waitpoint_id=its_id,
        received_at=now_ms,
        dedupe_key=shared.dedupe_key(its_id),
    )


def stimulus_of(row: InboxRecord, now_ms: int) -> st.AnyStimulus | None:
    """What a row of one of these kinds means to the engine; None for any other kind."""
    data: dict[str, Any] = row.data if isinstance(row.data, dict) else {}
    key = key_of(row.execution_id, row.waitpoint_id or "")
    variables = data.get("variables") or {}
    if row.kind == ANSWER:
        return st.WaitAnswered(ts=now_ms, waitpoint=key, data=data.get("data"), by=row.by, variables=variables)
    if row.kind == EXPIRY:
        code, message = data.get("code") or "", data.get("message") or ""
        return st.WaitExpired(ts=now_ms, waitpoint=key, code=code, message=message)
    if row.kind == PAUSE:
        return st.PauseRequested(ts=now_ms, reason=data.get("reason") or "Paused by user", by=row.by)
    if row.kind == RESUME:
        return st.ResumeRequested(ts=now_ms, variables=variables, by=row.by)
    return None
