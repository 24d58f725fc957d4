"""What all models of the wire share: strict requests, lenient answers, the names of statuses."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

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
