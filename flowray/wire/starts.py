"""Bodies that start executions, run them again, or cancel them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from flowray.wire.base import Request

MOST_MS = 10 * 365 * 24 * 3_600_000
"""Ten years."""

MOST_PRIORITY = 30 * 24 * 3_600
"""A month, in seconds."""

CallbackEvent = Literal["completed", "failed", "cancelled", "timed_out", "crashed", "expired", "paused"]

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
    idempotency_ttl_ms: int | None = Field(
        None, gt=0, le=MOST_MS, description="How long the key finds its execution; 30 days if not given."
    )
    trigger: str | None = Field(None, description="Id of the trigger node to begin at, instead of the entry point.")
    labels: dict[str, str] = Field(default_factory=dict, max_length=64, description="Short texts to find it by.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Kept and shown; never read.")
    version: int | None = Field(None, description="Version of the workflow, if not the present one.")
    priority: int | None = Field(
        None, ge=-MOST_PRIORITY, le=MOST_PRIORITY, description="In its queue as if it had come so many seconds earlier."
    )
    delay_ms: int | None = Field(None, ge=0, le=MOST_MS, description="It starts so much later, and never earlier.")
    ttl_ms: int | None = Field(
        None, gt=0, le=MOST_MS, description="If it has not started so long after it first could, it expires."
    )
    deadline: datetime | None = Field(
        None, description="When it is stopped at the latest, waiting included. ISO 8601; UTC if it names no offset."
    )
    max_tokens: int | None = Field(None, gt=0, description="It fails once it has spent more tokens on models.")
    max_cost: float | None = Field(None, gt=0, description="It fails once it has spent more US dollars on models.")
    concurrency_key: str | None = Field(
        None, min_length=1, max_length=255, description="Executions of a queue take turns by it, and share a limit."
    )
    callback_url: str | None = Field(
        None, min_length=1, max_length=2_048, description="Whom to tell, by a signed POST, how it ends."
    )
    callback_events: list[CallbackEvent] | None = Field(
        None, min_length=1, description="What to tell; every end if not given."
    )
    callback_secret: str | None = Field(
        None, min_length=16, max_length=512, description="Signs its callbacks, instead of the server's own secret."
    )
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
