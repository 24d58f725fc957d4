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
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import NodeError, Usage
from flowray.engine.state import ExecutionState
from flowray.persistence.records import NodeLogRecord
from flowray.plan import ExecutableNode, PlanSettings
from flowray.runtime.waitpoints import waitpoint_id
from flowray.values import to_wire

_ENDINGS = (
    ev.ExecutionCompleted,
    ev.ExecutionFailed,
    ev.ExecutionCancelled,
    ev.ExecutionTimedOut,
    ev.ExecutionCrashed,
    ev.ExecutionExpired,
)


_MOVING_WAITS = (
    ev.NodeWaiting,
    ev.ChildStarted,
    ev.ExecutionResumed,
    ev.ExecutionRecovered,  # A crash had emptied the list.
    ev.NodeCompleted,
    ev.NodeFailed,
    ev.NodeCancelled,
)
"""Events after which the execution may wait for something else than before."""


def row_changes(
    index: PlanIndex, execution_id: str, state: ExecutionState, events: Sequence[ev.AnyEvent], with_progress: bool
) -> dict[str, Any]:
    """Columns of the execution's row to set with this commit.

    ``progress`` is O(nodes), so callers ask for it only now and then, and always at the end.
    """
    changes: dict[str, Any] = {"status": state.status.value}
    waits_changed = False
    for event in events:
        if isinstance(event, ev.ExecutionStarted):
            changes["started_at"] = event.ts
            if event.selection is not None:
                changes["selection"] = None  # From here on the log has it.
        elif isinstance(event, ev.ExecutionCancelling):
            changes["cancel_reason"] = state.cancel_reason
        elif isinstance(event, _MOVING_WAITS):
            waits_changed = True
        elif isinstance(event, _ENDINGS):
            changes.update(_ending(state, event), **_retention(index.plan.settings, event))
            with_progress = True
    changes.update(_pause(events))
    if waits_changed and "waiting_for" not in changes:
        changes["waiting_for"] = waiting_for(index, execution_id, state)
    if state.errors:
        changes["errors"] = [error_body(error) for error in state.errors]
        changes["error"] = changes.get("error") or error_body(state.errors[0])
    if state.handled_errors:
        changes["handled_errors"] = [error_body(error) for error in state.handled_errors]
    if state.usage != Usage():
        changes["usage"] = usage_body(state.usage)
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
        key = node.waitpoint or waitpoint_key(instance, node.tries)
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
    """One record per attempt that these events touch, as it stands after them."""
    touched: dict[str, NodeLogRecord] = {}
    for offset, event in enumerate(events):
        if isinstance(event, _LOGGED):
            record = _log_record(index, execution_id, first_seq + offset, event)
            earlier = touched.get(record.id)
            touched[record.id] = record if earlier is None else _later(earlier, record)
    return tuple(touched.values())


_LOGGED = (
    ev.NodeStarted,
    ev.NodeRetrying,
    ev.NodeWaiting,
    ev.NodeCompleted,
    ev.NodeReused,
    ev.NodeFailed,
    ev.NodeSkipped,
    ev.NodeCancelled,
)


def _log_record(index: PlanIndex, execution_id: str, seq: int, event: Any) -> NodeLogRecord:
    node = index.nodes[event.node_id].node
    attempt = getattr(event, "attempt", 0)
    status, success, ended_at = _outcome(event)
    usage = getattr(event, "usage", None)
    error = getattr(event, "error", None) or getattr(event, "handled_error", None)
    started_at = event.ts if isinstance(event, ev.NodeStarted) else getattr(event, "started_at", 0) or None
    return NodeLogRecord(
        execution_id=execution_id,
        id=f"{event.instance}#{attempt}",
        node_id=event.node_id,
        instance=event.instance,
        type=node.type,
        name=node.name,
        status=status,
        attempt=attempt,
        seq=seq,
        success=success,
        started_at=started_at,
        ended_at=ended_at,
        input=to_wire(getattr(event, "input", None)),
        output=to_wire(event.output) if status == "completed" else None,
        error=error_body(error) if error is not None else None,
        usage=usage_body(usage) if usage is not None else None,
        stream_id=getattr(event, "stream_id", None),
        lane=_lane(node, event),
    )


def _lane(node: ExecutableNode, event: Any) -> str:
    """Where the attempt ran; of one that did not run, why not."""
    if isinstance(event, ev.NodeReused):
        return "pinned" if event.pinned else "reused"
    return node.lane.value


def _later(earlier: NodeLogRecord, record: NodeLogRecord) -> NodeLogRecord:
    """``record``, in the place where its attempt began, with what only the earlier event told."""
    return msgspec.structs.replace(
        record,
        seq=earlier.seq,
        input=earlier.input if record.input is None else record.input,
        usage=earlier.usage if record.usage is None else record.usage,
    )


def _outcome(event: Any) -> tuple[str, bool | None, int | None]:
    """``(status, success, ended_at)`` of the attempt after this event."""
    if isinstance(event, ev.NodeStarted):
        return "running", None, None
    if isinstance(event, ev.NodeWaiting):
        return "waiting", None, None
    if isinstance(event, ev.NodeCompleted):
        return "completed", event.handled_error is None, event.ts
    if isinstance(event, ev.NodeReused):
        return "failed" if event.failed else "completed", event.error is None, event.ts
    if isinstance(event, ev.NodeSkipped):
        return "skipped", None, event.ts
    if isinstance(event, ev.NodeCancelled):
        return "cancelled", False, event.ts
    return "failed", False, event.ts
