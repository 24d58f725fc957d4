"""The synchronous client of the HTTP API, for scripts, notebooks and the command line. Twin of ``AsyncClient``."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from typing import Any, TypeVar

import httpx
from httpx_sse import EventSource, SSEError

from flowray import wire
from flowray.client import calls
from flowray.client.async_client import DEFAULT_URL, STREAM_TIMEOUT
from flowray.client.bulk import Bulk
from flowray.client.call import Call
from flowray.client.callbacks import Callbacks
from flowray.client.calls import Definition
from flowray.client.connections import Connections
from flowray.client.event_cursor import EventCursor
from flowray.client.knowledge import Knowledge
from flowray.client.limits import Limits
from flowray.client.queues import Queues
from flowray.client.retrying import RetryPolicy, error_of, unreachable, wait_timed_out
from flowray.client.snapshots import Snapshots
from flowray.client.triggers import Triggers
from flowray.engine.statuses import TERMINAL_EXECUTION

T = TypeVar("T")

POLL_S = 0.05
MAX_POLL_S = 1.0
"""``wait`` asks at once, then at growing intervals: short executions return quickly, long ones cost little."""

Sleep = Callable[[float], None]


class Client:
    """Talks to one server. Every method raises FlowrayError with the problem's code, message and hint.

    Requests are repeated after passing failures as ``retry`` says, but only those that are safe to repeat; starts are,
    because each is sent with an idempotency key. ``transport`` replaces the network, for tests.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        retry: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s, transport=transport)
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self.workflows = Workflows(self)
        self.executions = Executions(self)
        self.waitpoints = Waitpoints(self)
        self.batches = Batches(self)
        self.bulk = Bulk(self)
        self.snapshots = Snapshots(self)
        self.limits = Limits(self)
        self.connections = Connections(self)
        self.knowledge = Knowledge(self)
        self.callbacks = Callbacks(self)
        self.queues = Queues(self)
        self.triggers = Triggers(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Executions go on."""
        self._http.close()

    def run(
        self,
        workflow: str | Definition,
        inputs: Mapping[str, Any] | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> wire.Execution:
        """Start a workflow and wait until it has ended or is paused.

        ``workflow`` is the id of a stored one, or a definition (an object, or bytes of JSON or YAML). A failed
        execution is returned like any other: look at its ``status``. Raises EXECUTION_TIMEOUT after ``timeout_s``; it
        then goes on.
        """
        if isinstance(workflow, str):
            started = self.executions.start(workflow, inputs=inputs, options=options)
        else:
            started = self.executions.start(definition=workflow, inputs=inputs, options=options)
        return self.wait(started.id, timeout_s=timeout_s)

    def wait(self, execution_id: str, *, timeout_s: float | None = None) -> wire.Execution:
        """The execution once it has ended or is paused. Raises EXECUTION_TIMEOUT after ``timeout_s``."""
        # Polls: a blocking read of the stream could not be interrupted in time.
        waited_s, delay_s = 0.0, POLL_S
        while True:
            execution = self.executions.get(execution_id)
            if execution.status in TERMINAL_EXECUTION or execution.status == "paused":
                return execution
            if timeout_s is not None and waited_s >= timeout_s:
                raise wait_timed_out(execution_id, timeout_s)
            self._sleep(delay_s)
            waited_s += delay_s
            delay_s = min(delay_s * 1.5, MAX_POLL_S)

    def stream_events(
        self, execution_id: str, after: int = 0, *, types: Iterable[str] = ()
    ) -> Generator[wire.EventBody, None, None]:
        """Events after ``after``, live, each once and in order, across any number of broken connections.

        Ends after the terminal event and never before. Raises STREAM_INTERRUPTED if several connections in a row bring
        nothing.
        """
        cursor = EventCursor(execution_id, after, tuple(types))
        while not cursor.ended:
            reason: Exception | str = "the connection ended before the execution"
            connection = self._connection(cursor)
            try:
                with closing(connection):
                    yield from connection
            except (httpx.TransportError, httpx.StreamError, SSEError, ConnectionError) as error:
                reason = error
            if not cursor.ended:
                self._sleep(cursor.failed(self._retry, reason))

    def node_types(self) -> list[wire.NodeTypeBody]:
        """The server's node types with their config schemas."""
        return self.send(calls.node_types()).data

    def info(self) -> wire.Info:
        """What is running there: version, database, durability."""
        return self.send(calls.info())

    def send(self, call: Call[T]) -> T:
        """Send one call, repeating it as far as that is safe."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.send(self._request(call))
            except httpx.TransportError as error:
                delay_s = self._retry.after_failure(call, attempt, error)
                if delay_s is None:
                    raise unreachable(str(self._http.base_url), error) from error
            else:
                delay_s = self._retry.after_answer(call, attempt, response)
                if delay_s is None:
                    if not response.is_success:
                        raise error_of(response)
                    return call.read(response)
            self._sleep(delay_s)

    def _request(self, call: Call[Any], timeout: httpx.Timeout | None = None) -> httpx.Request:
        return self._http.build_request(
            call.method,
            call.path,
            params=dict(call.params),
            content=call.content,
            headers=dict(call.headers),
            timeout=timeout or self._http.timeout,
        )

    def _connection(self, cursor: EventCursor) -> Generator[wire.EventBody, None, None]:
        """What one connection brings. A passing failure of the server is a ConnectionError."""
        response = self._http.send(self._request(cursor.call(), STREAM_TIMEOUT), stream=True)
        try:
            if response.status_code == 204:
                cursor.ended = True
                return
            if not response.is_success:
                response.read()
                error = error_of(response)
                raise ConnectionError(str(error)) if error.retryable else error
            for frame in EventSource(response).iter_sse():
                event = cursor.take(frame)
                if event is not None:
                    yield event
                if cursor.ended:
                    return
        finally:
            response.close()


class Workflows:
    """Calls about workflows."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, definition: Definition, *, strict: bool = False) -> wire.Workflow:
        """Save a new workflow. Raises INVALID_DEFINITION with ``details["errors"]``."""
        return self._client.send(calls.create_workflow(definition, strict))

    def list(self, *, limit: int = 50, cursor: str | None = None) -> wire.WorkflowPage:
        """One page, newest first."""
        return self._client.send(calls.list_workflows(limit, cursor))

    def get(self, workflow_id: str) -> wire.Workflow:
        """The present version. Raises NOT_FOUND."""
        return self._client.send(calls.get_workflow(workflow_id))

    def update(self, workflow_id: str, definition: Definition, *, strict: bool = False) -> wire.Workflow:
        """Replace it; a changed definition becomes the next version. Raises NOT_FOUND, INVALID_DEFINITION."""
        return self._client.send(calls.update_workflow(workflow_id, definition, strict))

    def delete(self, workflow_id: str) -> None:
        """Delete it; its executions stay. Raises NOT_FOUND."""
        self._client.send(calls.delete_workflow(workflow_id))

    def validate(self, definition: Definition, *, strict: bool = False) -> wire.Validation:
        """Check a definition without saving it. Never raises for a wrong one."""
        return self._client.send(calls.validate_workflow(definition, strict))

    def plan(self, workflow_id: str) -> wire.PlanView:
        """The compiled plan."""
        return self._client.send(calls.workflow_plan(workflow_id))

    def memory(
        self, workflow_id: str, *, limit: int = 50, cursor: str | None = None, prefix: str = ""
    ) -> wire.MemoryPage:
        """One page of the entries that its executions share, by key. Raises NOT_FOUND."""
        return self._client.send(calls.workflow_memory(workflow_id, limit, cursor, prefix))

    def memory_entry(self, workflow_id: str, key: str) -> wire.MemoryEntry:
        """One of these entries. Raises NOT_FOUND."""
        return self._client.send(calls.workflow_memory_entry(workflow_id, key))

    def clear_memory(self, workflow_id: str, key: str | None = None) -> None:
        """Remove one of these entries, or without ``key`` all."""
        self._client.send(calls.clear_workflow_memory(workflow_id, key))


class Executions:
    """Calls about executions."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def start(
        self,
        workflow_id: str | None = None,
        *,
        definition: Definition | None = None,
        inputs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        strict: bool = False,
    ) -> wire.ExecutionStarted:
        """Start a stored workflow or a definition; returns once the execution is kept. Raises INVALID_INPUT."""
        return self._client.send(calls.start(workflow_id, definition, inputs, options, idempotency_key, strict))

    def get(self, execution_id: str) -> wire.Execution:
        """The whole execution. Raises NOT_FOUND."""
        return self._client.send(calls.get_execution(execution_id))

    def list(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> wire.ExecutionPage:
        """One page, newest first. ``filters``: those of ``wire.ExecutionFilter``, as for ``bulk``."""
        return self._client.send(calls.list_executions(limit, cursor, filters))

    def pause(self, execution_id: str, *, reason: str | None = None) -> wire.Execution:
        """Start nothing new in it until it is resumed. Raises EXECUTION_ENDED."""
        return self._client.send(calls.pause_execution(execution_id, reason))

    def resume(
        self,
        execution_id: str,
        *,
        data: Any = calls.NO_DATA,
        waitpoint_id: str | None = None,
        context_updates: Mapping[str, Any] | None = None,
    ) -> wire.Execution:
        """End a requested pause, or answer the only waitpoint, or the named one, with ``data``.

        Raises INVALID_INPUT for data that does not fit, CONFLICT if several waitpoints are open and none is named.
        """
        return self._client.send(calls.resume_execution(execution_id, data, waitpoint_id, context_updates))

    def cancel(self, execution_id: str, *, reason: str | None = None) -> wire.Execution:
        """Stop it. Raises EXECUTION_ENDED if it has ended otherwise."""
        return self._client.send(calls.cancel_execution(execution_id, reason))

    def redrive(self, execution_id: str) -> wire.Execution:
        """Let a crashed execution go on where its log ends. Raises EXECUTION_ENDED if it has ended otherwise."""
        return self._client.send(calls.redrive_execution(execution_id))

    def change_metadata(
        self, execution_id: str, *operations: Mapping[str, Any], idempotency_key: str | None = None
    ) -> wire.Metadata:
        """Change it by ``{op, key, value}`` (set, delete, append, increment, merge), all or none, none of them lost."""
        return self._client.send(calls.change_metadata(execution_id, operations, idempotency_key))

    def rerun(
        self,
        execution_id: str,
        *,
        from_node: str | None = None,
        failed_only: bool = False,
        until_node: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        definition: Definition | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        pins: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> wire.ExecutionStarted:
        """Run an ended execution again: whole, from a node, or what failed; the rest keeps its outcomes.

        ``inputs`` and ``config`` (by node id) name only what changes. Raises EXECUTION_NOT_ENDED, INVALID_START_POINT.
        """
        fields = {
            "from_node": from_node, "failed_only": failed_only or None, "until_node": until_node, "inputs": inputs,
            "definition": definition, "config": config, "pins": pins, "options": options,
        }  # fmt: skip
        return self._client.send(calls.rerun(execution_id, fields, idempotency_key))

    def delete(self, execution_id: str) -> None:
        """Delete it, ended, with all that it has called. Raises EXECUTION_NOT_ENDED, CONFLICT, NOT_FOUND."""
        self._client.send(calls.delete_execution(execution_id))

    def storage(self, execution_id: str) -> wire.Storage:
        """The bytes that it takes."""
        return self._client.send(calls.execution_storage(execution_id))

    def plan(self, execution_id: str) -> wire.PlanView:
        """The plan that it runs."""
        return self._client.send(calls.execution_plan(execution_id))

    def snapshot(self, execution_id: str) -> wire.Snapshot:
        """Its whole state, folded from its log."""
        return self._client.send(calls.snapshot(execution_id))

    def public_token(self, execution_id: str) -> wire.PublicToken:
        """A signed right to read it, for browsers."""
        return self._client.send(calls.public_token(execution_id))

    def nodes(
        self,
        execution_id: str,
        *,
        limit: int = 100,
        cursor: str | None = None,
        node_id: str | None = None,
        status: str | None = None,
    ) -> wire.NodeAttemptPage:
        """One page of attempts, in order of start."""
        return self._client.send(calls.list_attempts(execution_id, limit, cursor, node_id, status))

    def output(self, execution_id: str, instance: str, *, attempt: int | None = None) -> Any:
        """The whole output of a node instance. Raises NOT_FOUND if it has none."""
        return self._client.send(calls.node_output(execution_id, instance, attempt))

    def events(self, execution_id: str, *, after: int = 0, limit: int = 500) -> wire.EventPage:
        """One page of events; ``next_cursor`` is the next ``after``."""
        return self._client.send(calls.list_events(execution_id, after, limit))


class Waitpoints:
    """Calls about what waits for an answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, *, limit: int = 50, cursor: str | None = None, **filters: str) -> wire.WaitpointPage:
        """One page, newest first. ``filters``: status (``open`` by default, or ``all``), execution_id."""
        return self._client.send(calls.list_waitpoints(limit, cursor, filters))

    def get(self, token: str) -> wire.Waitpoint:
        """What a token answers. Raises NOT_FOUND."""
        return self._client.send(calls.get_waitpoint(token))

    def complete(self, token: str, data: Any = None, *, by: str | None = None) -> wire.Completion:
        """Answer it; the first answer counts. Raises INVALID_INPUT, WAITPOINT_TIMEOUT, EXECUTION_ENDED."""
        return self._client.send(calls.complete_waitpoint(token, data, by))

    def create(self, *, idempotency_key: str | None = None, **fields: Any) -> wire.CreatedWaitpoint:
        """A waitpoint of no execution, for any number of wait nodes. ``fields``: name, timeout_ms, expected_input,
        reason, prompt, tags. One with the same name or key is the same one. Raises CONFLICT for a name that is taken.
        """
        return self._client.send(calls.create_waitpoint(fields, idempotency_key))


class Batches:
    """Calls about batches."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def start(
        self,
        workflow_id: str,
        inputs: Iterable[Mapping[str, Any]],
        *,
        options: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> wire.BatchStarted:
        """Start one execution for each row; every row is checked before the first is started."""
        return self._client.send(calls.start_batch(workflow_id, inputs, options, idempotency_key))

    def get(self, batch_id: str) -> wire.Batch:
        """How far it is."""
        return self._client.send(calls.get_batch(batch_id))

    def results(self, batch_id: str) -> list[wire.BatchResult]:
        """All results in the order of the rows, also of executions that have not ended."""
        return self._client.send(calls.batch_results(batch_id))
