"""Runs workflows inside the command's own process, through a LocalSession. Knows no terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flowray.compiler.builder import build_plan
from flowray.compiler.documents import CompiledWorkflow
from flowray.definition.diagnostics import Diagnostic
from flowray.definition.loading import load_definition
from flowray.definition.node_type import NodeType
from flowray.engine.start_planning import StartRequest
from flowray.errors import FlowrayError
from flowray.sdk.session import LocalSession

CANCEL_GRACE_S = 5.0
"""How long an interrupted command waits for its execution to end as cancelled."""

IN_FLIGHT = 64
"""Executions of a batch at once; their nodes share one event loop."""

ShowEvent = Callable[[dict[str, Any]], None]


def check_workflow(document: Any, node_types: Mapping[str, NodeType], *, strict: bool = False) -> list[Diagnostic]:
    """Every finding of every stage, whether the definition compiles or not."""
    loaded = load_definition(document)
    if loaded.definition is None:
        return list(loaded.diagnostics)
    return [*loaded.diagnostics, *build_plan(loaded.definition, node_types, strict=strict).diagnostics]


def run_to_end(
    session: LocalSession,
    compiled: CompiledWorkflow,
    inputs: Mapping[str, Any],
    show: ShowEvent,
    part: StartRequest | None = None,
) -> dict[str, Any]:
    """Run one execution, or ``part`` of it, until it has ended or is paused. Returns it as ``GET /executions/{id}``.

    Raises InputError or INVALID_START_POINT before anything has started. An interrupt cancels the execution, and goes
    on to the caller.
    """
    execution_id = session.start(compiled, inputs, part)
    last_seq = 0

    def note(event: dict[str, Any]) -> None:
        nonlocal last_seq
        last_seq = event["seq"]
        show(event)

    try:
        _follow(session, execution_id, note)
    except KeyboardInterrupt:
        session.cancel(execution_id, "Interrupted")
        _follow(session, execution_id, show, last_seq, time.monotonic() + CANCEL_GRACE_S)
        raise
    return session.execution(execution_id)


def run_many(
    session: LocalSession, compiled: CompiledWorkflow, rows: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any] | FlowrayError]:
    """Run one execution for each row, several at once. Yields in the order of the rows: the execution, or the error
    for a row whose inputs do not fit."""
    waiting: deque[str | FlowrayError] = deque()

    def oldest() -> dict[str, Any] | FlowrayError:
        started = waiting.popleft()
        if isinstance(started, FlowrayError):
            return started
        _follow(session, started, lambda _event: None)
        return session.execution(started)

    for row in rows:
        try:
            waiting.append(session.start(compiled, row))
        except FlowrayError as error:
            waiting.append(error)
        if len(waiting) >= IN_FLIGHT:
            yield oldest()
    while waiting:
        yield oldest()


def _follow(
    session: LocalSession, execution_id: str, show: ShowEvent, after: int = 0, deadline: float | None = None
) -> None:
    """Show events until the execution ends or is paused: nobody can answer it here. ``deadline``: monotonic seconds."""
    for batch in session.events(execution_id, after):
        for event in batch:
            show(event)
        if any(event["type"] == "execution.paused" for event in batch):
            return
        if deadline is not None and time.monotonic() > deadline:
            return
