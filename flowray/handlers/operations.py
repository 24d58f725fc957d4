"""What an integration is made of: operations of providers, and who knows the providers. No provider is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection
from flowray.values import Json

ANYTHING: Mapping[str, Any] = {"type": "object"}
"""Schema of parameters that nobody has described."""

DEFAULT_TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class Operation:
    """One thing that a provider does. ``parameters`` is the JSON Schema (2020-12) of an object of them.

    ``reads_only``: it changes nothing at the provider. ``is_trial``: it needs no
    parameters and shows whether a connection is accepted. ``experimental``: it has run against recorded shapes only.
    """

    name: str
    summary: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: ANYTHING)
    reads_only: bool = False
    experimental: bool = True
    is_trial: bool = False


@dataclass(frozen=True)
class OperationCall:
    """One call of an operation. ``parameters`` fit its schema. ``scenario`` names a reply of the sandbox, or is empty.

    ``timeout_ms`` bounds each request. ``idempotency_key`` as ``NodeInput`` has it (R31).
    """

    operation: Operation
    parameters: Mapping[str, Json]
    now_ms: Callable[[], int]
    connection: Connection | None = None
    idempotency_key: str = ""
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    scenario: str = ""


class Provider(Protocol):
    """Somebody else's service. ``name`` in kebab case. ``is_sandbox``: it answers from fixtures."""

    @property
    def name(self) -> str: ...

    @property
    def is_sandbox(self) -> bool: ...

    async def operations(self) -> Mapping[str, Operation]:
        """By name. Raises what reading them from their source raises."""
        ...

    async def call(self, call: OperationCall) -> Json:
        """The operation's result. Raises FlowrayError PROVIDER_*."""
        ...


class Integrations(Protocol):
    """The providers that a lane knows."""

    async def provider(self, name: str, connection: Connection | None) -> Provider:
        """By name in any spelling, as the connection says. Raises UNKNOWN_OPERATION."""
        ...

    @property
    def needs_connections(self) -> bool:
        """False if everything is answered by the sandbox: connections then need not exist."""
        ...


class NoIntegrations:
    """Of a lane that was given none."""

    needs_connections = True

    async def provider(self, name: str, connection: Connection | None) -> Provider:
        raise FlowrayError(ErrorCode.CONFIGURATION, "this lane has no integrations")
