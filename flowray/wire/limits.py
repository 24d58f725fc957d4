"""Bodies and answers about named limits of resources."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from flowray.wire.base import Answer, Request

MOST = 1_000_000_000


class LimitRequest(Request):
    """Body of ``PUT /v1/limits/{name}``: all its bounds; what is left out or null is not bounded."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"rpm": 500, "concurrency": 20}]})

    rpm: int | None = Field(None, gt=0, le=MOST, description="Attempts that start in a minute; as many at once.")
    tpm: int | None = Field(None, gt=0, le=MOST, description="Tokens that language models spend in a minute.")
    concurrency: int | None = Field(None, ge=0, le=1_000_000, description="Attempts that run at a time; 0 stops all.")


class Limit(Answer):
    """A named limit, for all servers of one database. ``used`` attempts run under it, ``waiting`` wait for it.

    ``available_*``: what may go at once, tokens below 0 being owed. ``paused_until``: a provider answered 429 and asked
    for silence.
    """

    name: str
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    used: int = 0
    waiting: int = 0
    available_requests: float | None = None
    available_tokens: float | None = None
    paused_until: datetime | None = None
    created_at: datetime
    updated_at: datetime


class LimitUse(Answer):
    """One attempt under a limit; ``since`` it runs, or waits. ``tokens`` is what it was estimated to spend."""

    execution_id: str
    instance: str
    attempt: int
    status: Literal["running", "waiting"]
    since: datetime
    tokens: int = 0


class LimitDetail(Limit):
    """A named limit with the first hundred attempts under it: those that run, then those that wait, in order."""

    uses: list[LimitUse] = []


class LimitList(Answer):
    """All limits, by name."""

    data: list[Limit]
