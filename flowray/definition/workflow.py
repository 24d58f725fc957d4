"""What an author writes: a workflow definition. Shapes and defaults only; the compiler judges meaning.

The format is that of the engine format of FlowMaestro (``nodes`` by id, ``edges``, ``entryPoint``, ``settings``) plus
flowray's own fields. Field names are camelCase in JSON; snake_case is accepted.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from flowray.definition.policies import (
    Authored,
    ErrorPolicy,
    ExecutionPreferences,
    JoinRule,
    OnFailure,
    RetryPolicy,
)

SCHEMA_VERSION = 1
"""Version of the definition format, published with its JSON Schema. Raised only when old files would read wrongly."""

MAX_NODES = 10_000

RESERVED_QUEUES = ("global", "inline")

NodeId = Annotated[str, StringConstraints(min_length=1)]
"""Any text but the empty one, which names the root scope."""


LimitName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
"""The name of a limit of the server's; one that it does not have is no limit."""


class Position(Authored):
    """Where an editor draws a node. Never read by the engine."""

    x: float = 0.0
    y: float = 0.0


class NodeDefinition(Authored):
    """One node. ``config`` belongs to the node type; everything else is the engine's.

    ``limits`` (or ``limit``, for one): the named limits that its attempts run under; ``[]`` for not even the type's.
    """

    type: str = Field(min_length=1, max_length=200)
    name: str = ""
    config: dict[str, Any] = Field(default_factory=dict)
    position: Position | None = None
    parent_id: str | None = None
    on_error: ErrorPolicy | None = None
    error_port: bool | None = None
    retry: RetryPolicy | None = None
    timeout_ms: int | None = Field(None, gt=0)
    start_timeout_ms: int | None = Field(None, gt=0)
    join: JoinRule = JoinRule.ANY
    execution: ExecutionPreferences | None = None
    limits: list[LimitName] | None = None
    limit: LimitName | None = None


class EdgeDefinition(Authored):
    """A directed edge. Without ``sourceHandle`` it means success."""

    id: str | None = None
    source: str
    target: str
    source_handle: str | None = None
    target_handle: str | None = None
    handle_type: str | None = None


class ContextSettings(Authored):
    """Limits of the context of one execution, in bytes of UTF-8 JSON; what to keep beyond its last reader."""

    max_node_output_bytes: int = Field(64 * 1024 * 1024, gt=0)
    max_total_bytes: int = Field(50 * 1024 * 1024, ge=0)
    retain: list[str] = Field(default_factory=list)
    policy: str = "byReaders"


class SharedMemorySettings(Authored):
    """Limits of the shared memory of one execution; sizes in bytes of UTF-8 JSON, keys not counted."""

    max_entries: int = Field(1_000, gt=0, le=10_000)
    max_value_bytes: int = Field(100 * 1024, gt=0)
    max_total_bytes: int = Field(10 * 1024 * 1024, gt=0, le=50 * 1024 * 1024)


class RetentionSettings(Authored):
    """How long executions are kept after their end, in ms: those that completed, and all others. ``forever``: never
    deleted by themselves. Left out: as the server is set.
    """

    completed_ms: Annotated[int, Field(ge=0)] | Literal["forever"] | None = None
    failed_ms: Annotated[int, Field(ge=0)] | Literal["forever"] | None = None


class QueueSettings(Authored):
    """Where the executions of a workflow wait, and how many of them run at a time.

    Without a ``name`` in a queue of their own. ``maxPerKey`` counts those with the same concurrency key. Queues of one
    name are one queue: the limits that were declared last hold.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    max_concurrent: int | None = Field(None, ge=1)
    max_per_key: int | None = Field(None, ge=1)

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str | None) -> str | None:
        if name is not None and (name in RESERVED_QUEUES or name.startswith("workflow:")):
            raise ValueError(f"{name!r} is a queue of the server's own")
        return name

    @property
    def is_limited(self) -> bool:
        """Whether anything is said about how many."""
        return self.max_concurrent is not None or self.max_per_key is not None


class WorkflowSettings(Authored):
    """Settings of the whole workflow. ``timeoutMs`` is active time, waiting excluded (R14).

    ``maxTokens``, of input and output together, and ``maxCost``, in US dollars, end an execution that has spent more on
    models with BUDGET_EXCEEDED. ``errorHandler`` is the node that an execution enters once, after a failure, when all
    else has settled (R20).
    """

    timeout_ms: int | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, gt=0)
    max_cost: float | None = Field(None, gt=0)
    max_concurrent_nodes: int = Field(10, ge=1, le=10_000)
    on_failure: OnFailure = OnFailure.RUN_INDEPENDENT
    isolation: Literal["shared", "dedicated"] = "shared"
    context: ContextSettings = Field(default_factory=ContextSettings)
    shared_memory: SharedMemorySettings = Field(default_factory=SharedMemorySettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    retry: RetryPolicy | None = None
    error_handler: str | None = None
    queue: QueueSettings | None = None


class VariableDefinition(Authored):
    """A workflow variable with its start value. ``type``: string, number, integer, boolean, object or array, which
    every change must keep; any other name is not checked. Null fits every type.
    """

    type: str | None = None
    default: Any = None
    description: str | None = None


class WorkflowDefinition(Authored):
    """A whole workflow as written. ``dialect`` names the format it came from and with it the dialect's semantics."""

    schema_version: int = SCHEMA_VERSION
    dialect: Literal["flowray", "flowmaestro", "sim"] = "flowray"
    name: str = Field("", max_length=255)
    description: str | None = None
    nodes: dict[NodeId, NodeDefinition] = Field(default_factory=dict)
    edges: list[EdgeDefinition] = Field(default_factory=list)
    entry_point: str | None = None
    settings: WorkflowSettings = Field(default_factory=WorkflowSettings)
    inputs: dict[str, Any] | None = None
    variables: dict[str, VariableDefinition] = Field(default_factory=dict)
    triggers: list[dict[str, Any]] = Field(default_factory=list)
