"""What an execution's events mean for its row and its node logs: the read model, derived in the commit of its events.

Pure functions of plan, state and the events of one commit. The rows can be rebuilt from the log at any time (R26).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from flowray.engine import events as ev
from flowray.engine.instances import split_instance, waitpoint_key
from flowray.engine.outputs import progress
from flowray.engine.plan_index import NodeIndex, PlanIndex
from flowray.engine.signals import NodeError, Usage
from flowray.engine.state import ExecutionState
from flowray.persistence.records import NodeLogRecord
from flowray.plan import PlanSettings
from flowray.runtime.waitpoints import waitpoint_id
from flowray.values import Value, to_wire

_ENDINGS = frozenset({
    ev.ExecutionCompleted, ev.ExecutionFailed, ev.ExecutionCancelled, ev.ExecutionTimedOut, ev.ExecutionCrashed,
    ev.ExecutionExpired,
})  # fmt: skip

_MOVING_WAITS = frozenset({
    ev.NodeWaiting, ev.ChildStarted, ev.ExecutionResumed,
    ev.ExecutionRecovered,  # A crash had emptied the list.
    ev.NodeCompleted, ev.NodeFailed, ev.NodeCancelled, ev.NodeAnswered,
})  # fmt: skip
"""Events after which the execution may wait for something else than before."""


def row_changes(
    index: PlanIndex, execution_id: str, state: ExecutionState, events: Sequence[ev.AnyEvent], with_progress: bool
) -> dict[str, Any]:
    """Columns of the execution's row to set with this commit.

    ``progress`` is O(nodes), so callers ask for it only now and then, and always at the end.
    """
    changes: dict[str, Any] = {"status": state.status.value}
    by_kind: dict[type[Any], Any] = {type(event): event for event in events}  # the last of each
    if (started := by_kind.get(ev.ExecutionStarted)) is not None:
        changes["started_at"] = started.ts
        if started.selection is not None:
            changes["selection"] = None  # From here on the log has it.
    if ev.ExecutionCancelling in by_kind:
        changes["cancel_reason"] = state.cancel_reason
    for kind in _ENDINGS.intersection(by_kind):
        changes.update(_ending(state, by_kind[kind]), **_retention(index.plan.settings, by_kind[kind]))
        with_progress = True
    if ev.ExecutionPaused in by_kind or ev.ExecutionResumed in by_kind:
        changes.update(_pause(events))
    if "waiting_for" not in changes and not _MOVING_WAITS.isdisjoint(by_kind):
        changes["waiting_for"] = waiting_for(index, execution_id, state)
    if state.errors:
        changes["errors"] = [error_body(error) for error in state.errors]
        changes["error"] = changes.get("error") or error_body(state.errors[0])
    if state.handled_errors:
        changes["handled_errors"] = [error_body(error) for error in state.handled_errors]
    if state.usage != Usage():
        changes["usage"] = spending_body(state)
    if with_progress:
        changes["progress"] = progress(index, state)
    return changes


def _pause(events: Sequence[ev.AnyEvent]) -> dict[str, Any]:
    """The pause that somebody asked for, as the last of these events leaves it."""
    for event in reversed(events):
        if isinstance(event, ev.ExecutionResumed):
            return {"pause": None}
        if isinstance(event, ev.ExecutionPaused) and event.requested:
            return {"pause": {"reason": event.reason, "by": event.by, "at": event.ts}}
    return {}


def _ending(state: ExecutionState, event: Any) -> dict[str, Any]:
    changes: dict[str, Any] = {"ended_at": event.ts, "waiting_for": []}
    if hasattr(event, "outputs"):
        changes["outputs"] = event.outputs
        changes["partial"] = not isinstance(event, ev.ExecutionCompleted)
    error = getattr(event, "error", None)
    if error is not None:
        changes["error"] = error_body(error)
    if isinstance(event, ev.ExecutionCrashed):
        changes["crash_reason"] = event.reason
    return changes


_FOR_EVER = 2**62
"""ms since the epoch; no clock will say so."""


def _retention(settings: PlanSettings, event: Any) -> dict[str, Any]:
    """Until when the execution is kept, if its workflow says so. One that crashed may be driven on; it keeps none."""
    if isinstance(event, ev.ExecutionCrashed):
        return {}
    completed = isinstance(event, ev.ExecutionCompleted)
    kept_ms = settings.retain_completed_ms if completed else settings.retain_failed_ms
    if kept_ms is None:
        return {}
    return {"retain_until": _FOR_EVER if kept_ms < 0 else min(event.ts + kept_ms, _FOR_EVER)}


def error_body(error: NodeError) -> dict[str, Any]:
    """The public form of an error: ``{message, code, node_id, attempt, details, …}``."""
    body: dict[str, Any] = msgspec.to_builtins(error)
    return {"node_id": None, "attempt": None, "details": {}, **body}


def spending_body(state: ExecutionState) -> dict[str, Any]:
    """The usage of an execution, and who used it: ``{…, by_node: {id: usage}, by_model: {model: usage}}``."""
    spent = state.spending
    return {
        **usage_body(state.usage),
        "by_node": {node_id: usage_body(usage) for node_id, usage in spent.by_node.items()},
        "by_model": {model: usage_body(usage) for model, usage in spent.by_model.items()},
    }


def usage_body(usage: Usage) -> dict[str, Any]:
    """``{input_tokens, output_tokens, model, cost, currency, estimated}``."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "model": usage.model,
        "cost": usage.cost,
        "currency": usage.currency,
        "estimated": usage.estimated,
    }


def waiting_for(index: PlanIndex, execution_id: str, state: ExecutionState) -> list[dict[str, Any]]:
    """Everything the execution waits for, in the shape of the HTTP contract. Back-offs are no waits."""
    found = []
    for instance, due_at in state.waiting.items():
        scope, node_id = split_instance(instance)
        node = state.scopes[scope].nodes[node_id]
        if node.wait_kind == "retry":
            continue
        pause = node.pause
        key = node.waitpoint or waitpoint_key(instance, node.tries, step=node.step)
        found.append(
            {
                "waitpoint_id": waitpoint_id(execution_id, key),
                "token": pause.token if pause is not None else None,
                "node_id": node_id,
                "instance": instance,
                "kind": node.wait_kind,
                "child_id": node.child_id or None,
                "reason": node.wait_reason or index.nodes[node_id].node.name,
                "prompt": pause.prompt if pause is not None else None,
                "expected_input": pause.expected_input if pause is not None else None,
                "created_at": node.waiting_since,
                "expires_at": due_at if due_at >= 0 else None,
            }
        )
    return found


def node_logs(
    index: PlanIndex, execution_id: str, first_seq: int, events: Iterable[ev.AnyEvent]
) -> tuple[NodeLogRecord, ...]:
    """One record per attempt that these events touch, as it stands after them, and per wait between two steps."""
    touched: dict[tuple[str, int, bool], _Told] = {}
    event: Any
    for seq, event in enumerate(events, first_seq):
        if type(event) in _LOGGED:
            attempt = event.instance, getattr(event, "attempt", 0), _is_between(event)
            told = touched.get(attempt)
            if told is None:
                told = touched[attempt] = _Told(seq)
            told.note(event)
    return tuple(
        _log_record(index, execution_id, told, attempt, waits) for (_, attempt, waits), told in touched.items()
    )


_LOGGED = frozenset({
    ev.NodeStarted, ev.NodeRetrying, ev.NodeWaiting, ev.NodeCompleted, ev.NodeReused, ev.NodeFailed, ev.NodeSkipped,
    ev.NodeCancelled, ev.NodeStepped, ev.NodeAnswered,
})  # fmt: skip


def _is_between(event: Any) -> bool:
    """Whether it is about a wait between two steps, which has an entry of its own: the attempt before it is over."""
    return isinstance(event, ev.NodeAnswered) or getattr(event, "continues", False)


class _Told:
    """What the events of one commit tell of one attempt: the last of them, and what only an earlier one has said."""

    __slots__ = ("input", "last", "seq", "step", "usage")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.last: Any = None
        self.input: Value = None
        self.usage: Usage | None = None
        self.step: ev.NodeStepped | None = None

    def note(self, event: Any) -> None:
        self.last = event
        if (shown := getattr(event, "input", None)) is not None:
            self.input = shown
        if (usage := getattr(event, "usage", None)) is not None:
            self.usage = usage
        if isinstance(event, ev.NodeStepped):
            self.step = event


def _log_record(index: PlanIndex, execution_id: str, told: _Told, attempt: int, waits: bool) -> NodeLogRecord:
    """The attempt, or the wait that ``waits`` behind it, after its last event, in the place where it began."""
    event = told.last
    known = index.nodes[event.node_id]
    status, success, ended_at = _outcome(event)
    error = getattr(event, "error", None) or getattr(event, "handled_error", None)
    began = isinstance(event, ev.NodeStarted) or (waits and isinstance(event, ev.NodeWaiting))
    started_at = event.ts if began else getattr(event, "started_at", 0) or None
    return NodeLogRecord(
        execution_id=execution_id,
        id=f"{event.instance}#{attempt}.wait" if waits else f"{event.instance}#{attempt}",
        node_id=event.node_id,
        instance=event.instance,
        type=known.node.type,
        name=_log_name(known, told, waits),
        status=status,
        attempt=attempt,
        seq=told.seq,
        success=success,
        started_at=started_at,
        ended_at=ended_at,
        input=to_wire(told.input),
        output=_output(told, status),
        error=error_body(error) if error is not None else None,
        usage=usage_body(told.usage) if told.usage is not None else None,
        stream_id=getattr(event, "stream_id", None),
        lane=_lane(known, event),
    )


def _output(told: _Told, status: str) -> Value:
    if told.step is not None:
        return to_wire(told.step.output)
    if status == "completed" or isinstance(told.last, ev.NodeAnswered):
        return to_wire(told.last.output)
    return None


def _log_name(known: NodeIndex, told: _Told, waits: bool) -> str:
    """The node's, and what of it: the step that the attempt has done, or that it waits."""
    name = known.node.name
    if told.step is not None:
        return f"{name}: {told.step.name}"
    return f"{name}: waits" if waits else name


def _lane(known: NodeIndex, event: Any) -> str:
    """Where the attempt ran; of one that did not run, why not."""
    if isinstance(event, ev.NodeReused):
        return "pinned" if event.pinned else "reused"
    return known.lane


def _outcome(event: Any) -> tuple[str, bool | None, int | None]:
    """``(status, success, ended_at)`` of the attempt after this event."""
    if isinstance(event, ev.NodeStarted):
        return "running", None, None
    if isinstance(event, ev.NodeWaiting):
        return "waiting", None, None
    if isinstance(event, ev.NodeStepped):
        return "stepped", True, event.ts
    if isinstance(event, ev.NodeAnswered):
        return "stepped", event.error is None, event.ts
    if isinstance(event, ev.NodeCompleted):
        return "completed", event.handled_error is None, event.ts
    if isinstance(event, ev.NodeReused):
        return "failed" if event.failed else "completed", event.error is None, event.ts
    if isinstance(event, ev.NodeSkipped):
        return "skipped", None, event.ts
    if isinstance(event, ev.NodeCancelled):
        return "cancelled", False, event.ts
    return "failed", False, event.ts
