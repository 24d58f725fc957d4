"""Rows as the HTTP contract shows them. Plain dictionaries in the shapes of ``wire``; a test holds the two together.

Not pydantic models: outputs may be large and deep, and models would copy and walk them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from flowray.api.views.value_text import is_owned, value_text
from flowray.eventlog.sse import iso_time
from flowray.persistence.records import ExecutionRecord, NodeLogRecord, Page, WaitpointRecord, WorkflowRecord
from flowray.values import Json, StoredValue, Value, as_value, decode_json, to_wire

NO_USAGE = {"input_tokens": 0, "output_tokens": 0, "cost": None, "currency": None, "estimated": False}
NO_PROGRESS = {
    "total": 0, "completed": 0, "failed": 0, "skipped": 0, "running": [], "completed_nodes": [], "percent": 0,
}  # fmt: skip

SHOWN_VALUE_BYTES = 1024 * 1024
"""Longest value in a node log; a longer one shows as a truncated envelope (R16)."""


def time_or_none(ms: int | None) -> str | None:
    """ISO 8601; None stays None."""
    return None if ms is None else iso_time(ms)


def workflow_view(record: WorkflowRecord) -> dict[str, Any]:
    """``wire.Workflow``."""
    return {
        "id": record.id,
        "name": record.name,
        "version": record.version,
        "hash": record.hash,
        "definition": record.definition,
        "diagnostics": list(record.diagnostics),
        "created_at": iso_time(record.created_at),
        "updated_at": iso_time(record.updated_at),
    }


def execution_view(record: ExecutionRecord, outputs: Json) -> dict[str, Any]:
    """``wire.Execution``; ``outputs`` are the record's, resolved as far as the answer has room."""
    return {
        "id": record.id,
        "workflow_id": record.workflow_id,
        "workflow_version": record.workflow_version,
        "workflow_name": record.workflow_name,
        "status": record.status,
        "inputs": record.inputs,
        "outputs": outputs,
        "partial": record.partial,
        "error": error_view(record.error),
        "errors": [error_view(error) for error in record.errors],
        "handled_errors": [error_view(error) for error in record.handled_errors],
        "progress": {**NO_PROGRESS, **record.progress},
        "usage": {**NO_USAGE, **record.usage},
        "waiting_for": [_waiting_view(entry) for entry in record.waiting_for],
        "created_at": iso_time(record.created_at),
        "started_at": time_or_none(record.started_at),
        "ended_at": time_or_none(record.ended_at),
        "updated_at": time_or_none(record.updated_at or None),
        "deadline": time_or_none(record.deadline_at),
        "queue": record.queue or None,
        "concurrency_key": record.concurrency_key or None,
        "priority": record.options.get("priority") or 0,
        "queued_at": time_or_none(record.queued_at),
        "not_before": time_or_none(record.not_before),
        "expires_at": time_or_none(record.expires_at),
        "callback_url": None if record.callback is None else record.callback["url"],
        "labels": record.labels,
        "metadata": record.metadata,
        "parent_id": record.parent_id,
        "rerun_of": record.rerun_of,
        "batch_id": record.batch_id,
        "trigger": record.trigger,
        "plan_hash": record.plan_hash,
        "recoveries": record.recoveries,
        "crash_reason": record.crash_reason,
        "cancel_reason": record.cancel_reason,
        "pause": None if record.pause is None else {**record.pause, "at": iso_time(record.pause["at"])},
        "last_seq": record.last_seq,
        "orchestrator_actor_id": record.orchestrator_actor_id,
        "log_location": record.log_location,
    }


def waitpoint_view(record: WaitpointRecord) -> dict[str, Any]:
    """``wire.Waitpoint``."""
    return {
        "waitpoint_id": record.id,
        "token": record.token or None,
        "execution_id": record.execution_id,
        "node_id": record.node_id,
        "instance": record.instance,
        "kind": record.kind,
        "status": record.status,
        "reason": record.reason,
        "prompt": record.prompt,
        "expected_input": record.expected_input,
        "created_at": iso_time(record.created_at),
        "expires_at": time_or_none(record.expires_at),
        "name": record.name,
        "tags": list(record.tags),
        "completed_at": time_or_none(record.completed_at),
        "completed_by": record.completed_by,
        "completed_from": _origin_view(record.completed_from),
        "data": record.data,
    }


def _origin_view(origin: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Without the id by which a repeated answer is known."""
    return None if origin is None else {key: value for key, value in origin.items() if key != "id"}


def started_view(execution_id: str, workflow_id: str | None, status: str, public_token: str) -> dict[str, Any]:
    """``wire.ExecutionStarted``."""
    return {
        "id": execution_id,
        "workflow_id": workflow_id,
        "status": status,
        "events_url": f"{execution_url(execution_id)}/events",
        "public_token": public_token,
    }


def attempt_view(log: NodeLogRecord, output: Json) -> dict[str, Any]:
    """``wire.NodeAttempt``; ``output`` is the log's, resolved or truncated."""
    running_ms = None
    if log.started_at is not None and log.ended_at is not None:
        running_ms = max(log.ended_at - log.started_at, 0)
    return {
        "id": log.id,
        "node_id": log.node_id,
        "instance": log.instance,
        "type": log.type,
        "name": log.name,
        "status": log.status,
        "success": log.success,
        "attempt": log.attempt,
        "started_at": time_or_none(log.started_at),
        "ended_at": time_or_none(log.ended_at),
        "duration_ms": running_ms,
        "input": to_wire(log.input),
        "output": output,
        "error": error_view(log.error),
        "usage": log.usage,
        "stream_id": log.stream_id,
        "lane": log.lane,
    }


def page_view(page: Page, data: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``{data[], next_cursor, has_more}``."""
    return {"data": list(data), "next_cursor": page.next_cursor, "has_more": page.has_more}


def error_view(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """``wire.ErrorBody``, whatever the row leaves out."""
    return None if error is None else {"node_id": None, "attempt": None, "details": {}, **error}


def execution_url(execution_id: str) -> str:
    """Relative, so that it holds behind any proxy."""
    return f"/v1/executions/{execution_id}"


def _waiting_view(entry: Mapping[str, Any]) -> dict[str, Any]:
    times = {key: time_or_none(entry.get(key)) for key in ("created_at", "expires_at")}
    return {"token": None, "prompt": None, "expected_input": None, "child_id": None, **entry, **times}


class ValueResolver:
    """Replaces descriptors of stored values by the values, as long as the answer stays within ``budget_bytes``.

    Looks only where the engine puts descriptors: at the value itself and at its members. Loads only payloads of
    ``owner``, the execution's ``payload_owner``: data of a workflow could look like a descriptor of somebody else's.
    """

    def __init__(
        self,
        owner: str,
        load: Callable[[str], Awaitable[bytes]],
        budget_bytes: int,
        each_bytes: int | None = None,
    ) -> None:
        self._owner = owner
        self._load = load
        self._left = budget_bytes
        self._each = budget_bytes if each_bytes is None else each_bytes

    async def resolve(self, value: Value, *, envelope: bool = False) -> Json:
        """``value`` as JSON. What is too large stays a descriptor, or with ``envelope`` becomes a truncated one."""
        decoded = as_value(value)
        if isinstance(decoded, dict):
            return {key: await self._one(as_value(member), envelope) for key, member in decoded.items()}
        if isinstance(decoded, list):
            return [await self._one(as_value(member), envelope) for member in decoded]
        return await self._one(decoded, envelope)

    async def _one(self, value: Value, envelope: bool) -> Json:
        if not isinstance(value, StoredValue):
            return value
        if is_owned(value, self._owner) and value.bytes <= min(self._left, self._each):
            self._left -= value.bytes
            if not value.is_manifest:
                return value.part_of(decode_json(await self._load(value.payload_id)))
            text = await value_text(value, self._owner, self._load)
            return decode_json(await text.whole())
        if envelope:
            return {"__truncated": True, "__originalSize": value.bytes, "__preview": value.preview}
        # Of a list in parts the parts are nobody's business: it is read as a whole, as the output of its node.
        return to_wire(msgspec.structs.replace(value, chunks=msgspec.UNSET, tail=msgspec.UNSET))
