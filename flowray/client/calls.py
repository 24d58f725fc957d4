"""Every call of the HTTP API as data: method, path, body, and how its answer reads. Sends nothing.

Shared by the synchronous and the asynchronous client, so that each call is described once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import httpx
from pydantic import BaseModel

from flowray import wire
from flowray.client.call import JSON, Call, given, json_body, nothing, reading, segment
from flowray.client.filters import query

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Definition: TypeAlias = Mapping[str, Any] | str | bytes
"""A definition as an object, or as JSON or YAML text."""

NO_DATA: Any = object()
"""An answer that is not given; null is one."""


# -- workflows ----------------------------------------------------------------------------------------------------


def create_workflow(definition: Definition, strict: bool) -> Call[wire.Workflow]:
    """Not repeatable: the id is the server's, so a second one would be saved."""
    return _definition_call("POST", "/v1/workflows", definition, strict, reading(wire.Workflow), repeatable=False)


def update_workflow(workflow_id: str, definition: Definition, strict: bool) -> Call[wire.Workflow]:
    """PUT of the definition."""
    return _definition_call("PUT", f"/v1/workflows/{segment(workflow_id)}", definition, strict, reading(wire.Workflow))


def validate_workflow(definition: Definition, strict: bool) -> Call[wire.Validation]:
    """POST to …/validate."""
    return _definition_call("POST", "/v1/workflows/validate", definition, strict, reading(wire.Validation))


def list_workflows(limit: int, cursor: str | None) -> Call[wire.WorkflowPage]:
    """One page."""
    return Call("GET", "/v1/workflows", reading(wire.WorkflowPage), given(limit=limit, cursor=cursor))


def get_workflow(workflow_id: str) -> Call[wire.Workflow]:
    """The present version."""
    return Call("GET", f"/v1/workflows/{segment(workflow_id)}", reading(wire.Workflow))


def delete_workflow(workflow_id: str) -> Call[None]:
    """DELETE."""
    return Call("DELETE", f"/v1/workflows/{segment(workflow_id)}", nothing)


def workflow_plan(workflow_id: str) -> Call[wire.PlanView]:
    """The compiled plan."""
    return Call("GET", f"/v1/workflows/{segment(workflow_id)}/plan", reading(wire.PlanView))


def workflow_memory(workflow_id: str, limit: int, cursor: str | None, prefix: str) -> Call[wire.MemoryPage]:
    """One page of what the executions of a workflow share."""
    params = given(limit=limit, cursor=cursor, prefix=prefix or None)
    return Call("GET", f"/v1/workflows/{segment(workflow_id)}/memory", reading(wire.MemoryPage), params)


def workflow_memory_entry(workflow_id: str, key: str) -> Call[wire.MemoryEntry]:
    """One entry."""
    return Call("GET", f"/v1/workflows/{segment(workflow_id)}/memory/{segment(key)}", reading(wire.MemoryEntry))


def clear_workflow_memory(workflow_id: str, key: str | None) -> Call[None]:
    """DELETE of an entry, or of all."""
    path = f"/v1/workflows/{segment(workflow_id)}/memory"
    return Call("DELETE", path if key is None else f"{path}/{segment(key)}", nothing)


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
        path = f"/v1/workflows/{segment(workflow_id)}/execute"
    return Call(
        "POST", path, reading(wire.ExecutionStarted), _strict(strict), json_body(body), _keyed(idempotency_key, options)
    )  # fmt: skip


def get_execution(execution_id: str) -> Call[wire.Execution]:
    """The whole execution."""
    return Call("GET", _execution(execution_id), reading(wire.Execution))


def list_executions(limit: int, cursor: str | None, filters: Mapping[str, Any]) -> Call[wire.ExecutionPage]:
    """One page; ``filters`` as ``filters.query``."""
    return Call("GET", "/v1/executions", reading(wire.ExecutionPage), query(filters, limit=limit, cursor=cursor))


def pause_execution(execution_id: str, reason: str | None) -> Call[wire.Execution]:
    """Repeatable: what is paused stays so."""
    body = {} if reason is None else {"reason": reason}
    return Call("POST", f"{_execution(execution_id)}/pause", reading(wire.Execution), {}, json_body(body), JSON)


def resume_execution(
    execution_id: str, data: Any, waitpoint_id: str | None, context_updates: Mapping[str, Any] | None
) -> Call[wire.Execution]:
    """Repeatable only for a named waitpoint: without a name a repeat could answer the one that comes next."""
    body: dict[str, Any] = given(waitpoint_id=waitpoint_id, context_updates=context_updates)
    if data is not NO_DATA:
        body["data"] = data
    path = f"{_execution(execution_id)}/resume"
    return Call("POST", path, reading(wire.Execution), {}, json_body(body), JSON, repeatable=waitpoint_id is not None)


def cancel_execution(execution_id: str, reason: str | None) -> Call[wire.Execution]:
    """Repeatable: the server keeps one request."""
    body = {} if reason is None else {"reason": reason}
    return Call("POST", f"{_execution(execution_id)}/cancel", reading(wire.Execution), {}, json_body(body), JSON)


def redrive_execution(execution_id: str) -> Call[wire.Execution]:
    """Repeatable: what goes on goes on."""
    return Call("POST", f"{_execution(execution_id)}/redrive", reading(wire.Execution), {}, json_body({}), JSON)


def change_metadata(
    execution_id: str, operations: Iterable[Mapping[str, Any]], idempotency_key: str | None
) -> Call[wire.Metadata]:
    """Repeatable, because always sent with an idempotency key."""
    body = json_body({"operations": [dict(operation) for operation in operations]})
    headers = _keyed(idempotency_key, None)
    return Call("PATCH", f"{_execution(execution_id)}/metadata", reading(wire.Metadata), {}, body, headers)


def rerun(execution_id: str, fields: Mapping[str, Any], idempotency_key: str | None) -> Call[wire.ExecutionStarted]:
    """``fields`` are those of RerunRequest, None for what is left out. Repeatable as a start is."""
    body = given(**fields)
    if isinstance(body.get("definition"), bytes):
        body["definition"] = body["definition"].decode()
    headers = _keyed(idempotency_key, body.get("options"))
    return Call(
        "POST", f"{_execution(execution_id)}/rerun", reading(wire.ExecutionStarted), {}, json_body(body), headers
    )


def delete_execution(execution_id: str) -> Call[None]:
    """DELETE. Repeatable, though a repeat after a lost answer finds nothing."""
    return Call("DELETE", _execution(execution_id), nothing)


def execution_storage(execution_id: str) -> Call[wire.Storage]:
    """What it takes."""
    return Call("GET", f"{_execution(execution_id)}/storage", reading(wire.Storage))


def execution_plan(execution_id: str) -> Call[wire.PlanView]:
    """The plan that it runs."""
    return Call("GET", f"{_execution(execution_id)}/plan", reading(wire.PlanView))


def public_token(execution_id: str) -> Call[wire.PublicToken]:
    """A new public token."""
    return Call("GET", f"{_execution(execution_id)}/public-token", reading(wire.PublicToken))


def snapshot(execution_id: str) -> Call[wire.Snapshot]:
    """The whole state."""
    return Call("GET", f"{_execution(execution_id)}/snapshot", reading(wire.Snapshot))


def list_attempts(
    execution_id: str, limit: int, cursor: str | None, node_id: str | None, status: str | None
) -> Call[wire.NodeAttemptPage]:
    """One page of node logs."""
    params = given(limit=limit, cursor=cursor, node_id=node_id, status=status)
    return Call("GET", f"{_execution(execution_id)}/nodes", reading(wire.NodeAttemptPage), params)


def node_output(execution_id: str, instance: str, attempt: int | None) -> Call[Any]:
    """The whole output of a node instance."""
    path = f"{_execution(execution_id)}/nodes/{segment(instance)}/output"
    return Call("GET", path, httpx.Response.json, given(attempt=attempt))


def list_events(execution_id: str, after: int, limit: int) -> Call[wire.EventPage]:
    """One page of events."""
    path = f"{_execution(execution_id)}/events"
    return Call(
        "GET", path, reading(wire.EventPage), {"after": after, "limit": limit}, None, {"Accept": "application/json"}
    )


def event_stream(execution_id: str, after: int, types: Iterable[str]) -> Call[None]:
    """The live stream, from after the event ``after``."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if after > 0:
        headers["Last-Event-ID"] = str(after)
    params = given(types=",".join(types) or None)
    return Call("GET", f"{_execution(execution_id)}/events", nothing, params, None, headers)


# -- waitpoints ---------------------------------------------------------------------------------------------------


def list_waitpoints(limit: int, cursor: str | None, filters: Mapping[str, Any]) -> Call[wire.WaitpointPage]:
    """One page; ``filters``: status, execution_id."""
    return Call("GET", "/v1/waitpoints", reading(wire.WaitpointPage), given(limit=limit, cursor=cursor, **filters))


def get_waitpoint(token: str) -> Call[wire.Waitpoint]:
    """What a token answers."""
    return Call("GET", f"/v1/waitpoints/{segment(token)}", reading(wire.Waitpoint))


def complete_waitpoint(token: str, data: Any, by: str | None = None) -> Call[wire.Completion]:
    """Repeatable: the first answer counts, and a repeat gets it back."""
    path = f"/v1/waitpoints/{segment(token)}/complete"
    return Call("POST", path, reading(wire.Completion), {}, json_body({"data": data, **given(by=by)}), JSON)


def create_waitpoint(fields: Mapping[str, Any], idempotency_key: str | None) -> Call[wire.CreatedWaitpoint]:
    """``fields`` are those of CreateWaitpointRequest. Repeatable as a start is."""
    headers = _keyed(idempotency_key, None)
    return Call("POST", "/v1/waitpoints", reading(wire.CreatedWaitpoint), {}, json_body(given(**fields)), headers)


# -- batches and the rest -----------------------------------------------------------------------------------------


def start_batch(
    workflow_id: str,
    inputs: Iterable[Mapping[str, Any]],
    options: Mapping[str, Any] | None,
    idempotency_key: str | None,
) -> Call[wire.BatchStarted]:
    """Repeatable as a start is."""
    body = {"inputs": [dict(row) for row in inputs], "options": dict(options or {})}
    path = f"/v1/workflows/{segment(workflow_id)}/batches"
    return Call("POST", path, reading(wire.BatchStarted), {}, json_body(body), _keyed(idempotency_key, options))


def get_batch(batch_id: str) -> Call[wire.Batch]:
    """Counts by status."""
    return Call("GET", f"/v1/batches/{segment(batch_id)}", reading(wire.Batch))


def batch_results(batch_id: str) -> Call[list[wire.BatchResult]]:
    """All results, in the order of the rows."""
    return Call("GET", f"/v1/batches/{segment(batch_id)}/results", _results)


def node_types() -> Call[wire.NodeTypeList]:
    """All node types."""
    return Call("GET", "/v1/node-types", reading(wire.NodeTypeList))


def info() -> Call[wire.Info]:
    """What is running there."""
    return Call("GET", "/v1/info", reading(wire.Info))


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
    return Call(method, path, read, _strict(strict), json_body(definition), JSON, repeatable)


def _results(response: httpx.Response) -> list[wire.BatchResult]:
    lines = [wire.BatchResult.model_validate_json(line) for line in response.content.splitlines() if line]
    return sorted(lines, key=lambda result: -1 if result.index is None else result.index)


def _keyed(idempotency_key: str | None, options: Mapping[str, Any] | None) -> dict[str, str]:
    key = idempotency_key or (options or {}).get("idempotency_key") or uuid.uuid4().hex
    return {**JSON, "Idempotency-Key": key}


def _execution(execution_id: str) -> str:
    return f"/v1/executions/{segment(execution_id)}"


def _strict(strict: bool) -> dict[str, Any]:
    return {"strict": "true"} if strict else {}
