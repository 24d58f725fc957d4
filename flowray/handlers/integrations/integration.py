"""The ``integration`` node (``action``): one operation of one provider. What providers do is their own business."""

from __future__ import annotations

from typing import Any

from pydantic import Field, PrivateAttr, model_validator

from flowray.definition.node_type import Effects, NodeType
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.integrations.naming import find_operation, provider_name
from flowray.handlers.integrations.parameters import fitted
from flowray.handlers.masking import without_values
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.operations import DEFAULT_TIMEOUT_MS, OperationCall, Provider
from flowray.values import Json

_NESTED = ("config", "inputs", "parameters")
"""Objects of parameters, in order of growing priority; what stands beside them comes first."""

_OF_THE_NODE = frozenset(
    {
        "label", "outputVariable", "retry", "retryConfig", "onError", "errorPort", "timeout",
    }
)  # fmt: skip
"""Fields of a node's config that are about the node, and no parameters, where no explicit ``parameters`` has them."""


TO_THE_SANDBOX = Connection("sandbox", ConnectionKind.SANDBOX)
"""A connection that every workspace has, so that a first workflow needs no account."""


class IntegrationConfig(NodeConfig):
    """Which operation of which provider, with which parameters. Fields that are not listed are parameters, too."""

    provider: str = Field(min_length=1, description="The provider, such as slack or google-sheets.")
    operation: str = Field(min_length=1, description="What it is to do, such as sendMessage.")
    connection: str | None = Field(None, description="Name of the connection that authenticates.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Parameters of the operation, by name.")
    timeout_ms: int = Field(DEFAULT_TIMEOUT_MS, gt=0, le=300_000, description="Longest time of a request, in ms.")
    sandbox_scenario: str = Field("", description="Which recorded reply the sandbox gives, such as rate_limited.")

    _inline: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, provider=("service", "integration"), operation=("action", "operationId"),
            connection=("connectionId", "connectionName", "credential"),
        )  # fmt: skip
        if not isinstance(given, dict):
            return given
        nested: dict[str, Any] = {}
        for name in _NESTED:
            if isinstance(given.get(name), dict):
                nested |= given.pop(name)
        return {"parameters": nested, **given}


def all_parameters(config: IntegrationConfig) -> tuple[dict[str, Json], frozenset[str]]:
    """Every parameter of a node, and the names of those that stood beside the operation's name."""
    beside = {name: value for name, value in (config.model_extra or {}).items() if name not in _OF_THE_NODE}
    return {**beside, **config.parameters}, frozenset(beside.keys() - config.parameters.keys())


class IntegrationHandler:
    """Output: ``{data, provider, operation, sandbox}``; ``data`` is the operation's result, and what the node's
    ``outputVariable`` means. ``sandbox`` is true if it was answered from fixtures.
    """

    node_type = NodeType(
        name="integration",
        aliases=("action",),
        summary="Calls an operation of another service, such as Slack, GitHub, or any that has an OpenAPI document.",
        config_model=IntegrationConfig,
        category="integrations",
        effects=Effects.WRITE,
        value_key="data",
    )

    def can_handle(self, type_name: str) -> bool:
        """Under both names."""
        return type_name in (self.node_type.name, *self.node_type.aliases)

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises UNKNOWN_OPERATION, CONNECTION_NOT_FOUND, INVALID_NODE_CONFIG, and what the provider raises."""
        config = config_of(node, IntegrationConfig)
        integrations = node.services.integrations
        connection = await _connection(node, config.connection if integrations.needs_connections else None)
        provider = await integrations.provider(provider_name(config.provider), connection)
        call = await self._call(node, config, provider, connection)
        data = await provider.call(call)
        if connection is not None:
            data = without_values(data, connection.secrets.values())
        if provider.is_sandbox:
            node.log(
                f"the sandbox answered {provider.name} {call.operation.name}", sandbox=True, provider=provider.name,
                operation=call.operation.name,
            )  # fmt: skip
        return NodeResult(
            data={
                "data": data, "provider": provider.name, "operation": call.operation.name,
                "sandbox": provider.is_sandbox,
            }
        )  # fmt: skip

    async def _call(
        self, node: NodeInput, config: IntegrationConfig, provider: Provider, connection: Connection | None
    ) -> OperationCall:
        operations = await provider.operations()
        found = find_operation(provider.name, config.operation, operations.keys())
        operation = operations[found.operation]
        given, inline = all_parameters(config)
        renamed_inline = frozenset(found.rename.get(name, name) for name in inline)
        scenario = config.sandbox_scenario or (connection.fields.get("scenario", "") if connection is not None else "")
        return OperationCall(
            operation=operation, parameters=fitted(operation, found.applied(given), renamed_inline),
            connection=connection, idempotency_key=node.idempotency_key, timeout_ms=config.timeout_ms,
            scenario=scenario, now_ms=node.now_ms,
        )  # fmt: skip


async def _connection(node: NodeInput, name: str | None) -> Connection | None:
    return TO_THE_SANDBOX if name == TO_THE_SANDBOX.name else await node.connection(name) if name else None
