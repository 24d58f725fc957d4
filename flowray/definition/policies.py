"""What an author may say about time, retries and errors of a node. Values only; the engine decides by them.

Every duration is in milliseconds and says so in its name. JSON field names are camelCase; snake_case is accepted too.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Authored(BaseModel):
    """Base of everything an author writes: camelCase outside, snake_case inside, unknown fields kept."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=False)


class Lane(StrEnum):
    """Where a node runs: in the orchestrator, in an async worker, or as a Ray task of its own."""

    INLINE = "inline"
    IO = "io"
    TASK = "task"


class RetryPolicy(Authored):
    """When and how often a failed attempt is tried again. Delays: ``initialDelayMs · factor^(n-1)``, capped.

    ``maxAttempts`` counts the first one: 1 means no retry. ``codes`` restricts retries to these error codes; None
    follows the error's own ``retryable`` flag. ``jitter`` (0 to 1) takes up to that share off a delay.
    """

    max_attempts: int = Field(1, ge=1, le=250)
    initial_delay_ms: int = Field(1_000, ge=0)
    factor: float = Field(2.0, ge=1.0)
    max_delay_ms: int = Field(60_000, ge=0)
    jitter: float = Field(0.0, ge=0.0, le=1.0)
    codes: list[str] | None = None


class ErrorStrategy(StrEnum):
    """What an error without an error edge does."""

    FAIL = "fail"
    CONTINUE = "continue"
    FALLBACK = "fallback"
    GOTO = "goto"


class ErrorPolicy(Authored):
    """``onError`` of a node; consulted after retries and only where no error edge leaves the node (R11)."""

    strategy: ErrorStrategy = ErrorStrategy.FAIL
    fallback_value: Any = None
    goto_node: str | None = None


class OnFailure(StrEnum):
    """What an unhandled failure does to the rest of the execution (R10)."""

    RUN_INDEPENDENT = "run_independent"
    FINISH_RUNNING = "finish_running"
    CANCEL_RUNNING = "cancel_running"


class JoinRule(StrEnum):
    """When a node with several incoming edges runs, once all are settled: any of them live, or all (R3)."""

    ANY = "any"
    ALL = "all"


class ExecutionPreferences(Authored):
    """``execution`` of a node: where it runs and which Ray resources it asks for. Memory in bytes.

    ``labelSelector``: labels of the Ray node, as ``{"gpu-family": "a100"}``; values may be Ray's ``in(…)`` or ``!x``.
    """

    lane: Lane | None = None
    num_cpus: float | None = Field(None, ge=0)
    num_gpus: float | None = Field(None, ge=0)
    memory: int | None = Field(None, ge=0)
    resources: dict[str, float] | None = None
    label_selector: dict[str, str] | None = None
    runtime_env: dict[str, Any] | None = None
