"""Connections as handlers see them: a name, what is public, what is secret. Keeping and sealing is done elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from flowray.errors import ErrorCode, FlowrayError


class ConnectionKind(StrEnum):
    """How a connection authenticates. ``custom`` has fields and secrets of the author's; ``sandbox`` has none."""

    API_KEY = "api_key"
    BASIC = "basic"
    BEARER = "bearer"
    OAUTH2 = "oauth2"
    DATABASE = "database"
    CUSTOM = "custom"
    SANDBOX = "sandbox"


class Connection(msgspec.Struct, frozen=True):
    """An account somewhere, ready to be used: tokens are valid now.

    ``fields`` may be shown, ``secrets`` never. By kind, the secrets are: api_key ``api_key``, basic ``password`` (with
    the field ``username``), bearer ``token``, oauth2 ``access_token`` (with those it is got by), database ``url``.
    ``provider``: whose account it is, or empty. The field ``base_url`` replaces the provider's own, for servers of
    one's own.
    """

    name: str
    kind: ConnectionKind
    provider: str = ""
    fields: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}

    def __repr__(self) -> str:
        # What is logged by mistake must not hold secrets.
        return f"Connection({self.name!r}, {self.kind.value}, secrets={sorted(self.secrets)})"

    def secret(self, name: str) -> str:
        """Raises PROVIDER_AUTH if the connection has no such secret."""
        found = self.secrets.get(name)
        if not found:
            raise FlowrayError(
                ErrorCode.PROVIDER_AUTH,
                f"the connection {self.name!r} ({self.kind.value}) has no {name}",
                hint=f"set it again: flowray connections add {self.name}",
            )
        return found


class Connections(Protocol):
    """The connections of workspaces, their secrets open. Looked up where they are used and nowhere else."""

    async def get(self, workspace_id: str, name: str) -> Connection:
        """By name. Raises CONNECTION_NOT_FOUND; PROVIDER_AUTH if a token cannot be renewed; CONFIGURATION if the key
        that sealed it is not here; DATABASE_UNAVAILABLE.
        """
        ...


class NoConnections:
    """Of a lane that was given none."""

    async def get(self, workspace_id: str, name: str) -> Connection:
        raise connection_not_found(name)


def connection_not_found(name: str) -> FlowrayError:
    """CONNECTION_NOT_FOUND for a name that the workspace does not have."""
    return FlowrayError(
        ErrorCode.CONNECTION_NOT_FOUND,
        f"there is no connection {name[:200]!r}",
        details={"connection": name[:200]},
        hint="flowray connections list shows what there is, flowray connections add makes one",
    )
