"""Writes of connections. Secrets travel in them sealed."""

from __future__ import annotations

from typing import TypeAlias

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes.base import Write


class SaveConnection(Write, tag="save_connection", frozen=True):
    """Make a connection, or change one as a whole. ``id`` is that of this wish, new for each: a repeat of it is known.

    ``only_new`` refuses a name that is taken; ``expected_version`` refuses one that has changed since. A renewal under
    way is forgotten. Result: Inserted if new, Done, or Refused(CONFLICT), or Refused(NOT_FOUND) if a version is
    expected of what is not there.
    """

    name: str
    id: str
    kind: str
    provider: str = ""
    fields: dict[str, str] = {}
    secret_names: list[str] = []
    sealed: str = ""
    only_new: bool = False
    expected_version: int | None = None
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """Connections keep their order."""
        return ("connections",)


class DeleteConnection(Write, tag="delete_connection", frozen=True):
    """Remove a connection. Result: Done, or Refused(NOT_FOUND)."""

    name: str
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """Connections keep their order."""
        return ("connections",)


class ClaimRenewal(Write, tag="claim_renewal", frozen=True):
    """Ask to be the one who gets a new token for this ``version``. ``by`` is new for each attempt at it.

    Result: Done, or Refused(CONFLICT) if it has changed since or somebody else is at it, or Refused(NOT_FOUND).
    """

    name: str
    version: int
    by: str
    for_ms: int
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """Connections keep their order."""
        return ("connections",)


class SaveTokens(Write, tag="save_tokens", frozen=True):
    """Keep the token that was got under the claim of ``by``, and end the claim; an empty ``sealed`` only ends it.

    Result: Done, or Refused(CONFLICT) if it has changed since, by whomever.
    """

    name: str
    version: int
    by: str
    sealed: str = ""
    secret_names: list[str] = []
    expires_at: int | None = None
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """Connections keep their order."""
        return ("connections",)


AnyConnectionWrite: TypeAlias = SaveConnection | DeleteConnection | ClaimRenewal | SaveTokens
