"""The providers that a lane knows: the sandbox, and what was configured. Decides who answers, and answers nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.naming import unknown_provider
from flowray.handlers.integrations.sandbox.fixtures import FixtureSource
from flowray.handlers.integrations.sandbox.provider import SandboxProvider
from flowray.handlers.operations import Provider

ByConnection = Callable[[Connection], Provider | None]
"""Makes the provider that a connection itself describes, or none."""


class ProviderDirectory:
    """``live`` are providers by name. ``everything_sandboxed``: only recorded replies answer, whatever a connection
    says. ``by_connection``: providers that a connection brings with it.
    """

    def __init__(
        self,
        live: Mapping[str, Provider],
        recorded: Sequence[FixtureSource],
        *,
        everything_sandboxed: bool = False,
        by_connection: Sequence[ByConnection] = (),
    ) -> None:
        self._live = live
        self._recorded = recorded
        self._everything_sandboxed = everything_sandboxed
        self._by_connection = by_connection
        self._sandboxes: dict[str, SandboxProvider] = {}

    @property
    def needs_connections(self) -> bool:
        return not self._everything_sandboxed

    async def provider(self, name: str, connection: Connection | None) -> Provider:
        """Raises UNKNOWN_OPERATION for a name that nobody has, CONFIGURATION for a connection of another provider."""
        if self._everything_sandboxed or (connection is not None and connection.kind is ConnectionKind.SANDBOX):
            return self._sandbox(name)
        if connection is not None:
            for make in self._by_connection:
                made = make(connection)
                if made is not None:
                    return made
            if connection.provider and connection.provider != name:
                raise FlowrayError(
                    ErrorCode.CONFIGURATION,
                    f"the connection {connection.name!r} is of {connection.provider}, not of {name}",
                    hint="a node's provider and its connection's have to be the same",
                )
        if name not in self._live:
            raise unknown_provider(name, self._live.keys())
        # A file of its own is behind it, which is read once.
        return await asyncio.to_thread(self._live.__getitem__, name)

    def _sandbox(self, name: str) -> SandboxProvider:
        # Names come from authors; those without replies are not kept, so that the table stays small.
        found = self._sandboxes.get(name)
        if found is None:
            found = SandboxProvider(name, self._recorded)
            if len(self._sandboxes) < MOST_SANDBOXES:
                self._sandboxes[name] = found
        return found


MOST_SANDBOXES = 500
"""More providers than there are fixtures of."""
