"""Connections as they are kept: what may be shown in the clear, secrets sealed. Seals and opens nothing."""

from __future__ import annotations

from typing import Protocol

from flowray.persistence.records import DEFAULT_WORKSPACE, Record


class ConnectionRecord(Record, frozen=True):
    """A connection. ``sealed`` holds its secrets, which are named ``secret_names``; see ``sealing``.

    ``version`` grows with every change. ``expires_at``: when its access token ends, None for one that does not.
    ``renewing_until`` and ``renewing_by``: who gets a new token now, and until when nobody else may.
    """

    name: str
    id: str
    kind: str
    provider: str = ""
    fields: dict[str, str] = {}
    secret_names: list[str] = []
    sealed: str = ""
    version: int = 1
    expires_at: int | None = None
    renewing_until: int | None = None
    renewing_by: str = ""
    created_at: int = 0
    updated_at: int = 0
    workspace_id: str = DEFAULT_WORKSPACE


class ConnectionReader(Protocol):
    """Connections as they stand."""

    def all(self, workspace_id: str = DEFAULT_WORKSPACE) -> list[ConnectionRecord]:
        """Of a workspace, by name."""
        ...

    def get(self, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> ConnectionRecord | None:
        """One of them."""
        ...
