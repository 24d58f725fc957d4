"""Every call of the HTTP API as data: method, path, body, and how its answer reads. Sends nothing.

Shared by the synchronous and the asynchronous client, so that each call is described once.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from flowray import wire

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Definition: TypeAlias = Mapping[str, Any] | str | bytes
"""A definition as an object, or as JSON or YAML text."""

JSON = {"Content-Type": "application/json"}

NO_DATA: Any = object()
"""An answer that is not given; null is one."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. ``repeatable``: sending it twice is the same as once, so a lost answer may be asked for again."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True


# -- workflows ----------------------------------------------------------------------------------------------------


def create_workflow(definition: Definition, strict: bool) -> Call[wire.Workflow]:
    """Not repeatable: the id is the server's, so a second one would be saved."""
    return _definition_call("POST", "/v1/workflows", definition, strict, _as(wire.Workflow), repeatable=False)


def update_workflow(workflow_id: str, definition: Definition, strict: bool) -> Call[wire.Workflow]:
    """PUT of the definition."""
    return _definition_call("PUT", f"/v1/workflows/{_part(workflow_id)}", definition, strict, _as(wire.Workflow))


def validate_workflow(definition: Definition, strict: bool) -> Call[wire.Validation]:
    """POST to …/validate."""
    return _definition_call("POST", "/v1/workflows/validate", definition, strict, _as(wire.Validation))


def list_workflows(limit: int, cursor: str | None) -> Call[wire.WorkflowPage]:
    """One page."""
    return Call("GET", "/v1/workflows", _as(wire.WorkflowPage), _given(limit=limit, cursor=cursor))


def get_workflow(workflow_id: str) -> Call[wire.Workflow]:
    """The present version."""
    return Call("GET", f"/v1/workflows/{_part(workflow_id)}", _as(wire.Workflow))


def delete_workflow(workflow_id: str) -> Call[None]:
    """DELETE."""
    return Call("DELETE", f"/v1/workflows/{_part(workflow_id)}", _nothing)


def workflow_plan(workflow_id: str) -> Call[wire.PlanView]:
    """The compiled plan."""
    return Call("GET", f"/v1/workflows/{_part(workflow_id)}/plan", _as(wire.PlanView))


def workflow_memory(workflow_id: str, limit: int, cursor: str | None, prefix: str) -> Call[wire.MemoryPage]:
    """One page of what the executions of a workflow share."""
    params = _given(limit=limit, cursor=cursor, prefix=prefix or None)
    return Call("GET", f"/v1/workflows/{_part(workflow_id)}/memory", _as(wire.MemoryPage), params)


def workflow_memory_entry(workflow_id: str, key: str) -> Call[wire.MemoryEntry]:
    """One entry."""
    return Call("GET", f"/v1/workflows/{_part(workflow_id)}/memory/{_part(key)}", _as(wire.MemoryEntry))


def clear_workflow_memory(workflow_id: str, key: str | None) -> Call[None]:
    """DELETE of an entry, or of all."""
    path = f"/v1/workflows/{_part(workflow_id)}/memory"
    return Call("DELETE", path if key is None else f"{path}/{_part(key)}", _nothing)


# -- executions ---------------------------------------------------------------------------------------------------


def start(
    workflow_id: str | None,
    definition: Definition | None,
    inputs: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None,
    idempotency_key: str | None,
    strict: bool,
) -> Call[wire.ExecutionStarted]:
    """Exactly one of ``workflow_id`` and ``definition``. Repeatable, because always sent with an idempotency key."""
    body: dict[str, Any] = {"inputs": dict(inputs or {}), "options": dict(options or {})}
    path = "/v1/executions"
    if definition is not None:
        body["definition"] = definition.decode() if isinstance(definition, bytes) else definition
    if workflow_id is not None and definition is not None:
        body["workflow_id"] = workflow_id  # the server's answer says what is wrong with that
    elif workflow_id is not None:
        path = f"/v1/workflows/{_part(workflow_id)}/execute"
    return Call(
        "POST", path, _as(wire.ExecutionStarted), _strict(strict), _json(body), _keyed(idempotency_key, options)
    )  # fmt: skip


def get_execution(execution_id: str) -> Call[wire.Execution]:
    """The whole execution."""
    return Call("GET", _execution(execution_id), _as(wire.Execution))


def list_executions(limit: int, cursor: str | None, filters: Mapping[str, Any]) -> Call[wire.ExecutionPage]:
    """One page; ``filters``: status, workflow_id, batch_id, parent_id, created_after."""
    return Call("GET", "/v1/executions", _as(wire.ExecutionPage), _given(limit=limit, cursor=cursor, **filters))


def pause_execution(execution_id: str, reason: str | None) -> Call[wire.Execution]:
    """Repeatable: what is paused stays so."""
    body = {} if reason is None else {"reason": reason}
    return Call("POST", f"{_execution(execution_id)}/pause", _as(wire.Execution), {}, _json(body), JSON)


def resume_execution(
    execution_id: str, data: Any, waitpoint_id: str | None, context_updates: Mapping[str, Any] | None
) -> Call[wire.Execution]:
    """Repeatable only for a named waitpoint: without a name a repeat could answer the one that comes next."""
    body: dict[str, Any] = _given(waitpoint_id=waitpoint_id, context_updates=context_updates)
    if data is not NO_DATA:
        body["data"] = data
    path = f"{_execution(execution_id)}/resume"
    return Call("POST", path, _as(wire.Execution), {}, _json(body), JSON, repeatable=waitpoint_id is not None)


def cancel_execution(execution_id: str, reason: str | None) -> Call[wire.Execution]:
    """Repeatable: the server keeps one request."""
    body = {} if reason is None else {"reason": reason}
    return Call("POST", f"{_execution(execution_id)}/cancel", _as(wire.Execution), {}, _json(body), JSON)


def redrive_execution(execution_id: str) -> Call[wire.Execution]:
    """Repeatable: what goes on goes on."""
    return Call("POST", f"{_execution(execution_id)}/redrive", _as(wire.Execution), {}, _json({}), JSON)


def change_metadata(
    execution_id: str, operations: Iterable[Mapping[str, Any]], idempotency_key: str | None
) -> Call[wire.Metadata]:
    """Repeatable, because always sent with an idempotency key."""
    body = _json({"operations": [dict(operation) for operation in operations]})
    headers = _keyed(idempotency_key, None)
    return Call("PATCH", f"{_execution(execution_id)}/metadata", _as(wire.Metadata), {}, body, headers)


def rerun(execution_id: str, fields: Mapping[str, Any], idempotency_key: str | None) -> Call[wire.ExecutionStarted]:
    """``fields`` are those of RerunRequest, None for what is left out. Repeatable as a start is."""
    body = _given(**fields)
    if isinstance(body.get("definition"), bytes):
        body["definition"] = body["definition"].decode()
    headers = _keyed(idempotency_key, body.get("options"))
    return Call("POST", f"{_execution(execution_id)}/rerun", _as(wire.ExecutionStarted), {}, _json(body), headers)


def delete_execution(execution_id: str) -> Call[None]:
    """DELETE. Repeatable, though a repeat after a lost answer finds nothing."""
    return Call("DELETE", _execution(execution_id), _nothing)


def execution_storage(execution_id: str) -> Call[wire.Storage]:
    """What it takes."""
    return Call("GET", f"{_execution(execution_id)}/storage", _as(wire.Storage))


def execution_plan(execution_id: str) -> Call[wire.PlanView]:
    """The plan that it runs."""
    return Call("GET", f"{_execution(execution_id)}/plan", _as(wire.PlanView))


def public_token(execution_id: str) -> Call[wire.PublicToken]:
    """A new public token."""
    return Call("GET", f"{_execution(execution_id)}/public-token", _as(wire.PublicToken))


def snapshot(execution_id: str) -> Call[wire.Snapshot]:
    """The whole state."""
    return Call("GET", f"{_execution(execution_id)}/snapshot", _as(wire.Snapshot))


def list_attempts(
    execution_id: str, limit: int, cursor: str | None, node_id: str | None, status: str | None
) -> Call[wire.NodeAttemptPage]:
    """One page of node logs."""
    params = _given(limit=limit, cursor=cursor, node_id=node_id, status=status)
    return Call("GET", f"{_execution(execution_id)}/nodes", _as(wire.NodeAttemptPage), params)


def node_output(execution_id: str, instance: str, attempt: int | None) -> Call[Any]:
    """The whole output of a node instance."""
    path = f"{_execution(execution_id)}/nodes/{_part(instance)}/output"
    return Call("GET", path, httpx.Response.json, _given(attempt=attempt))


def list_events(execution_id: str, after: int, limit: int) -> Call[wire.EventPage]:
    """One page of events."""
    path = f"{_execution(execution_id)}/events"
    return Call(
        "GET", path, _as(wire.EventPage), {"after": after, "limit": limit}, None, {"Accept": "application/json"}
    )


def event_stream(execution_id: str, after: int, types: Iterable[str]) -> Call[None]:
    """The live stream, from after the event ``after``."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if after > 0:
        headers["Last-Event-ID"] = str(after)
    params = _given(types=",".join(types) or None)
    return Call("GET", f"{_execution(execution_id)}/events", _nothing, params, None, headers)


# -- waitpoints ---------------------------------------------------------------------------------------------------


def list_waitpoints(limit: int, cursor: str | None, filters: Mapping[str, Any]) -> Call[wire.WaitpointPage]:
    """One page; ``filters``: status, execution_id."""
    return Call("GET", "/v1/waitpoints", _as(wire.WaitpointPage), _given(limit=limit, cursor=cursor, **filters))


def get_waitpoint(token: str) -> Call[wire.Waitpoint]:
    """What a token answers."""
    return Call("GET", f"/v1/waitpoints/{_part(token)}", _as(wire.Waitpoint))


def complete_waitpoint(token: str, data: Any, by: str | None = None) -> Call[wire.Completion]:
    """Repeatable: the first answer counts, and a repeat gets it back."""
    path = f"/v1/waitpoints/{_part(token)}/complete"
    return Call("POST", path, _as(wire.Completion), {}, _json({"data": data, **_given(by=by)}), JSON)


def create_waitpoint(fields: Mapping[str, Any], idempotency_key: str | None) -> Call[wire.CreatedWaitpoint]:
    """``fields`` are those of CreateWaitpointRequest. Repeatable as a start is."""
    headers = _keyed(idempotency_key, None)
    return Call("POST", "/v1/waitpoints", _as(wire.CreatedWaitpoint), {}, _json(_given(**fields)), headers)


# -- batches and the rest -----------------------------------------------------------------------------------------


def start_batch(
    workflow_id: str,
    inputs: Iterable[Mapping[str, Any]],
    options: Mapping[str, Any] | None,
    idempotency_key: str | None,
) -> Call[wire.BatchStarted]:
    """Repeatable as a start is."""
    body = {"inputs": [dict(row) for row in inputs], "options": dict(options or {})}
    path = f"/v1/workflows/{_part(workflow_id)}/batches"
    return Call("POST", path, _as(wire.BatchStarted), {}, _json(body), _keyed(idempotency_key, options))


def get_batch(batch_id: str) -> Call[wire.Batch]:
    """Counts by status."""
    return Call("GET", f"/v1/batches/{_part(batch_id)}", _as(wire.Batch))


def batch_results(batch_id: str) -> Call[list[wire.BatchResult]]:
    """All results, in the order of the rows."""
    return Call("GET", f"/v1/batches/{_part(batch_id)}/results", _results)


def node_types() -> Call[wire.NodeTypeList]:
    """All node types."""
    return Call("GET", "/v1/node-types", _as(wire.NodeTypeList))


def info() -> Call[wire.Info]:
    """What is running there."""
    return Call("GET", "/v1/info", _as(wire.Info))


# -- parts --------------------------------------------------------------------------------------------------------


def _definition_call(
    method: str,
    path: str,
    definition: Definition,
    strict: bool,
    read: Callable[[httpx.Response], T],
    repeatable: bool = True,
) -> Call[T]:
    if isinstance(definition, str | bytes):
        text = definition.encode() if isinstance(definition, str) else definition
        # JSON is YAML: whichever it is, the server reads it.
        kind = "application/json" if text.lstrip()[:1] in (b"{", b"[") else "application/yaml"
        return Call(method, path, read, _strict(strict), text, {"Content-Type": kind}, repeatable)
    return Call(method, path, read, _strict(strict), _json(definition), JSON, repeatable)


def _as(model: type[M]) -> Callable[[httpx.Response], M]:
    def read(response: httpx.Response) -> M:
        return model.model_validate_json(response.content)

    return read


def _nothing(_response: httpx.Response) -> None:
    return None


def _results(response: httpx.Response) -> list[wire.BatchResult]:
    lines = [wire.BatchResult.model_validate_json(line) for line in response.content.splitlines() if line]
    return sorted(lines, key=lambda result: -1 if result.index is None else result.index)


def _keyed(idempotency_key: str | None, options: Mapping[str, Any] | None) -> dict[str, str]:
    key = idempotency_key or (options or {}).get("idempotency_key") or uuid.uuid4().hex
    return {**JSON, "Idempotency-Key": key}


def _execution(execution_id: str) -> str:
    return f"/v1/executions/{_part(execution_id)}"


def _part(text: str) -> str:
    """One segment of a path; an instance id is percent-encoded itself and is encoded once more."""
    return quote(text, safe="")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_time_text).encode()


def _time_text(value: Any) -> str:
    """A moment, such as the option ``deadline``, as ISO 8601. Raises TypeError for what is no JSON either."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _strict(strict: bool) -> dict[str, Any]:
    return {"strict": "true"} if strict else {}


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
