"""What an author writes: a workflow definition. Shapes and defaults only; the compiler judges meaning.

The format is that of the engine format of FlowMaestro (``nodes`` by id, ``edges``, ``entryPoint``, ``settings``) plus
flowray's own fields. Field names are camelCase in JSON; snake_case is accepted.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

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

NodeId = Annotated[str, StringConstraints(min_length=1)]
"""Any text but the empty one, which names the root scope."""


class Position(Authored):
    """Where an editor draws a node. Never read by the engine."""

    x: float = 0.0
    y: float = 0.0


class NodeDefinition(Authored):
    """One node. ``config`` belongs to the node type; everything else is the engine's."""

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


class WorkflowSettings(Authored):
    """Settings of the whole workflow. ``timeoutMs`` is active time, waiting excluded (R14).

    ``errorHandler`` is the node that an execution enters once, after a failure, when all else has settled (R20).
    """

    timeout_ms: int | None = Field(None, gt=0)
    max_concurrent_nodes: int = Field(10, ge=1, le=10_000)
    on_failure: OnFailure = OnFailure.RUN_INDEPENDENT
    isolation: Literal["shared", "dedicated"] = "shared"
    context: ContextSettings = Field(default_factory=ContextSettings)
    shared_memory: SharedMemorySettings = Field(default_factory=SharedMemorySettings)
    retry: RetryPolicy | None = None
    error_handler: str | None = None


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
