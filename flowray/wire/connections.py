"""Bodies and answers about connections. Secrets go in and never come out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from flowray.wire.base import Answer, Request

ConnectionKindName = Literal["api_key", "basic", "bearer", "oauth2", "database", "custom", "sandbox"]
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


class ConnectionRequest(Request):
    """Body of ``POST /v1/connections``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "team", "kind": "bearer", "provider": "slack", "secrets": {"token": "xoxb-…"}}]
        },
    )

    name: str = Field(min_length=1, max_length=100, pattern=NAME, description="As nodes name it.")
    kind: ConnectionKindName
    provider: str = Field("", max_length=100, description="Whose account it is; then it serves no other provider.")
    fields: dict[str, str] = Field({}, max_length=50, description="What may be shown, such as base_url.")
    secrets: dict[str, str] = Field({}, max_length=50, description="What may not; kept encrypted, never given out.")


class ConnectionChange(Request):
    """Body of ``PATCH /v1/connections/{name}``: what is left out stays. Secrets by name; null removes one."""

    provider: str | None = Field(None, max_length=100)
    fields: dict[str, str] | None = Field(None, max_length=50, description="All fields from now on.")
    secrets: dict[str, str | None] = Field({}, max_length=50)


class Connection(Answer):
    """A connection without its secrets. ``expires_at``: when its access token ends, which is renewed by itself."""

    name: str
    kind: ConnectionKindName
    provider: str = ""
    fields: dict[str, str] = {}
    secret_names: list[str] = []
    version: int = 1
    expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class ConnectionList(Answer):
    """All connections, by name."""

    data: list[Connection]


class ConnectionTest(Answer):
    """What trying a connection came to. ``checked`` says how far: its secrets open; a token was got; an operation of
    the provider, ``operation``, was called with it."""

    ok: bool
    checked: Literal["secrets", "token", "operation"]
    operation: str | None = None
    code: str | None = None
    message: str = ""
