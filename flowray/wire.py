"""Requests and answers of the HTTP API as models, shared by the API (documents, validation) and the client (parsing).

JSON is snake_case except inside definitions. Times are ISO 8601 in UTC. Not the place of any logic. Models of answers
keep fields they do not know, so that an older client reads a newer server.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ExecutionStatusName = Literal[
    "queued", "delayed", "running", "waiting", "paused", "completed", "failed", "cancelled", "timed_out", "crashed",
    "expired",
]  # fmt: skip


class Request(BaseModel):
    """Base of request bodies: an unknown field is an error, for it is a slip that would be silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(extra="allow")


# -- requests -----------------------------------------------------------------------------------------------------


UNTIL_NODE = "End with this node: only what leads to it runs, and its output is the execution's."
PINS = "Outputs by node id: these nodes do not run. A branch takes {output, handles: [handle, …]}."


class RunFrom(Request):
    """Where a run begins: the node, and the ended execution whose outcomes the nodes before it keep."""

    node_id: str = Field(min_length=1)
    execution_id: str | None = Field(None, description="Without it every node that the run reads must be pinned.")


class StartOptions(Request):
    """``options`` of a start (R51). Options of later releases are listed so that using them says so (501)."""

    idempotency_key: str | None = Field(
        None, min_length=1, max_length=255, description="As the header; the header wins."
    )
    trigger: str | None = Field(None, description="Id of the trigger node to begin at, instead of the entry point.")
    labels: dict[str, str] = Field(default_factory=dict, max_length=64, description="Short texts to find it by.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Kept and shown; never read.")
    version: int | None = Field(None, description="Version of the workflow, if not the present one.")
    priority: int | None = Field(None, description="Reserved.")
    delay_ms: int | None = Field(None, ge=0, description="Reserved.")
    ttl_ms: int | None = Field(None, gt=0, description="Reserved.")
    deadline: datetime | None = Field(
        None, description="When it is stopped at the latest, waiting included. ISO 8601; UTC if it names no offset."
    )
    concurrency_key: str | None = Field(None, description="Reserved.")
    callback_url: str | None = Field(None, description="Reserved.")
    run_from: RunFrom | None = Field(None, description="Begin at a node, with what another execution had before it.")
    run_until: str | None = Field(None, min_length=1, description=UNTIL_NODE)
    only_node: str | None = Field(None, min_length=1, description="Run this node alone; pin what it reads.")
    pins: dict[str, Any] | None = Field(None, description=PINS)


class ExecuteRequest(Request):
    """Body of ``POST /v1/workflows/{id}/execute``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"inputs": {"name": "Ada"}, "options": {"labels": {"team": "a"}}}]},
    )

    inputs: dict[str, Any] = Field(default_factory=dict)
    options: StartOptions = Field(default_factory=StartOptions)


class StartRequest(ExecuteRequest):
    """Body of ``POST /v1/executions``: exactly one of ``definition`` and ``workflow_id``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "definition": {"nodes": {"in": {"type": "input"}}, "edges": [], "entryPoint": "in"},
                    "inputs": {"name": "Ada"},
                }
            ]
        },
    )

    definition: dict[str, Any] | str | None = Field(
        None, description="A definition as an object, or as JSON or YAML text."
    )
    workflow_id: str | None = None


class BatchRequest(Request):
    """Body of ``POST /v1/workflows/{id}/batches`` as JSON; as JSONL, each line is one row's inputs."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"inputs": [{"name": "Ada"}, {"name": "Grace"}]}]}
    )

    inputs: list[dict[str, Any]] = Field(min_length=1)
    options: StartOptions = Field(default_factory=StartOptions)


class CancelRequest(Request):
    """Body of ``POST /v1/executions/{id}/cancel``; may be absent."""

    reason: str = Field("Cancelled by user", max_length=1_000)


class RerunRequest(Request):
    """Body of ``POST /v1/executions/{id}/rerun``; may be absent: then all of it runs again, with the same inputs.

    At most one of ``from_node`` and ``failed_only``. ``options`` takes what does not say which part runs.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"from_node": "summarize", "inputs": {"name": "Grace"}}]}
    )

    from_node: str | None = Field(None, min_length=1, description="Run this node and all that follows it.")
    failed_only: bool = Field(False, description="Run what failed or never ran, and all that follows it.")
    until_node: str | None = Field(None, min_length=1, description=UNTIL_NODE)
    pins: dict[str, Any] = Field(default_factory=dict, description=PINS)
    inputs: dict[str, Any] | None = Field(None, description="Inputs to change; the others stay.")
    definition: dict[str, Any] | str | None = Field(None, description="An edited definition; node ids tie the two.")
    config: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Config fields to change, by node id; the others stay."
    )
    options: StartOptions = Field(default_factory=StartOptions)


# -- workflows ----------------------------------------------------------------------------------------------------


class DiagnosticBody(Answer):
    """One finding about a definition. ``pointer`` is a JSON pointer into the definition as it was sent."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    node_id: str | None = None
    pointer: str = ""
    hint: str | None = None


class Workflow(Answer):
    """A stored workflow. ``version`` grows when ``hash`` (of the definition's canonical JSON) changes."""

    id: str
    name: str
    version: int
    hash: str
    definition: dict[str, Any]
    diagnostics: list[DiagnosticBody] = []
    created_at: datetime
    updated_at: datetime


class WorkflowPage(Answer):
    """One page, newest first."""

    data: list[Workflow]
    next_cursor: str | None = None
    has_more: bool = False


class Validation(Answer):
    """Whether a definition could be saved."""

    valid: bool
    diagnostics: list[DiagnosticBody] = []


class PlanView(Answer):
    """The compiled plan, for people: nodes with dependencies, dependents, handle types, lane and segment."""

    nodes: list[dict[str, Any]] | dict[str, dict[str, Any]]
    start_nodes: list[str]
    execution_order: list[list[str]]
    readers: dict[str, list[str]]


# -- executions ---------------------------------------------------------------------------------------------------


class ErrorBody(Answer):
    """Why a node, and with it an execution, failed. ``details`` has secrets masked."""

    message: str
    code: str
    node_id: str | None = None
    attempt: int | None = None
    details: dict[str, Any] = {}


class Progress(Answer):
    """How far an execution is: nodes outside loops and parallels."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    running: list[str] = []
    completed_nodes: list[str] = []
    percent: float = 0


class UsageBody(Answer):
    """Tokens and cost of all language-model calls. ``estimated``: not all counts are the provider's."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    currency: str | None = None
    estimated: bool = False


class NodeUsage(UsageBody):
    """Tokens and cost of one attempt."""

    model: str | None = None


class WaitingFor(Answer):
    """One thing that an execution waits for. ``expected_input`` is a JSON Schema of the answer, ``child_id`` the
    execution that a node of kind ``child`` has called."""

    waitpoint_id: str
    token: str | None = None
    node_id: str
    instance: str
    kind: str
    child_id: str | None = None
    reason: str | None = None
    prompt: Any = None
    expected_input: dict[str, Any] | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


class RequestedPause(Answer):
    """A pause that somebody asked for."""

    reason: str
    by: str | None = None
    at: datetime


class ExecutionStarted(Answer):
    """Answer to a start: the execution is kept, whatever happens from now on."""

    id: str
    workflow_id: str | None
    status: ExecutionStatusName
    events_url: str
    public_token: str


class Execution(Answer):
    """One execution. ``partial``: ``outputs`` are what there was when it failed or was cancelled.

    A value too large for an answer stands as ``{"$flowray": "stored", payload_id, bytes, length, preview}``; its full
    text is at ``/v1/executions/{id}/nodes/{instance}/output``.
    """

    id: str
    workflow_id: str | None
    workflow_version: int | None
    workflow_name: str = ""
    status: ExecutionStatusName
    inputs: dict[str, Any]
    outputs: Any
    partial: bool = False
    error: ErrorBody | None
    errors: list[ErrorBody]
    handled_errors: list[ErrorBody] = []
    progress: Progress
    usage: UsageBody
    waiting_for: list[WaitingFor]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime | None = None
    deadline: datetime | None = None
    labels: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    parent_id: str | None = None
    rerun_of: str | None = None
    batch_id: str | None = None
    trigger: str | None = None
    plan_hash: str
    recoveries: int = 0
    crash_reason: str | None = None
    cancel_reason: str | None = None
    pause: RequestedPause | None = None
    last_seq: int = 0
    orchestrator_actor_id: str | None = None
    log_location: str | None = None


class ExecutionPage(Answer):
    """One page, newest first. Large outputs stand as descriptors."""

    data: list[Execution]
    next_cursor: str | None = None
    has_more: bool = False


class NodeAttempt(Answer):
    """One attempt of one node instance. ``instance`` is its scope path and node id (R52)."""

    id: str
    node_id: str
    instance: str
    type: str
    name: str = ""
    status: str
    success: bool | None
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    input: Any
    output: Any
    error: ErrorBody | None
    usage: NodeUsage | None
    stream_id: str | None
    lane: str


class NodeAttemptPage(Answer):
    """One page, in order of start."""

    data: list[NodeAttempt]
    next_cursor: str | None = None
    has_more: bool = False


class EventBody(Answer):
    """One event: the ``data`` of its SSE frame. Further fields depend on ``type``."""

    seq: int
    ts: datetime
    execution_id: str
    type: str
    node_id: str | None = None
    instance: str | None = None
    attempt: int | None = None


class EventPage(Answer):
    """One page of events in order. ``next_cursor`` is the ``after`` of the next page."""

    data: list[EventBody]
    next_cursor: str | None = None
    has_more: bool = False


class PublicToken(Answer):
    """A signed right to read one execution, for places that cannot set headers."""

    public_token: str
    expires_at: datetime


# -- batches ------------------------------------------------------------------------------------------------------


class BatchStarted(Answer):
    """Answer to a batch: ids of its executions in the order of the rows."""

    batch_id: str
    workflow_id: str
    count: int
    executions: list[str]
    status_url: str
    results_url: str


class Batch(Answer):
    """How far a batch is. ``statuses`` counts executions by status."""

    batch_id: str
    workflow_id: str | None
    count: int
    statuses: dict[str, int]
    ended: int
    percent: float
    done: bool
    created_at: datetime


class BatchResult(Answer):
    """One line of a batch's results. ``index`` is the row; lines come newest first, not in the order of the rows."""

    index: int | None
    execution_id: str
    status: ExecutionStatusName
    outputs: Any
    error: ErrorBody | None


# -- the rest -----------------------------------------------------------------------------------------------------


class NodeTypeBody(Answer):
    """A node type with the JSON Schema of its config."""

    name: str
    aliases: list[str] = []
    category: str
    summary: str
    lane: str
    effects: str
    config_schema: dict[str, Any]


class NodeTypeList(Answer):
    """All node types."""

    data: list[NodeTypeBody]


class Info(Answer):
    """What is running here."""

    version: str
    database: Any = None
    durability_mode: Any = None
    proxy_mode: Any = None


class Health(Answer):
    """Answer of the health checks."""

    status: Literal["ok", "ready"]


class ProblemItem(Answer):
    """One of several findings behind a problem."""

    message: str
    pointer: str = ""
    code: str | None = None
    node_id: str | None = None
    hint: str | None = None


class Problem(Answer):
    """RFC 9457. ``code`` is stable; ``problem_instance`` names this occurrence, also in the server's log."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemItem] = []
    hint: str | None = None
    execution_id: str | None = None
    node_id: str | None = None
    problem_instance: str | None = None
