"""The ``database`` node: one operation, or some statements in one transaction. The database itself is a service's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from flowray.definition.node_type import Effects, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.evaluator import evaluate
from flowray.expressions.names import MISSING
from flowray.expressions.parser import parse_expression
from flowray.expressions.placeholders import Placeholder, split
from flowray.expressions.stored_lists import whole
from flowray.handlers.connections import ConnectionKind
from flowray.handlers.data.database.building import built, wrong
from flowray.handlers.data.database.config import FIELDS, DatabaseConfig, canonical, effects_of, value_key_of
from flowray.handlers.data.database.placeholders import Parameters, bind
from flowray.handlers.databases import NAMES_OF_PROVIDERS, DatabaseAddress, Dialect, Rows, Statement
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import config_of
from flowray.handlers.references import fill
from flowray.values import Json

DEFAULT_CONNECTION = "default"

_PORTS = {"postgresql": 5432, "mysql": 3306}


class DatabaseHandler:
    """Output: ``{operation, provider, success, rows, rowCount, columns, truncated, metadata: {queryTime (ms)}}``.

    ``rows`` are objects by column. ``outputVariable`` of a select means the rows. With several statements the rows are
    those of the last, and ``results`` has ``{rows, rowCount}`` of each. ``listTables``: ``tables``, and a row for each.
    """

    node_type = NodeType(
        name="database",
        summary="Queries and changes rows of PostgreSQL, MySQL and SQLite; values are always bound.",
        config_model=DatabaseConfig,
        aliases=("sql", "postgresql", "postgres", "mysql"),
        category="data",
        effects=Effects.WRITE,
        effects_of=effects_of,
        value_key_of=value_key_of,
        fields=FIELDS,
    )

    def can_handle(self, type_name: str) -> bool:
        """``database`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG, CONNECTION_NOT_FOUND, NOT_IMPLEMENTED for another provider, or as Databases."""
        config = config_of(node, DatabaseConfig)
        databases = node.services.databases
        address = await _address(config, node)
        provider = databases.dialect(address)
        began = node.now_ms()
        if config.its_operation == "listTables":
            tables = await databases.tables(address, config.table_schema, config.timeout_ms)
            found = [Rows([{"name": name} for name in tables], ["name"], len(tables))]
        else:
            statements = _statements(config, node, provider)
            found = await databases.run(address, statements, config.timeout_ms)
        last = found[-1]
        if last.truncated:
            node.log(f"there are more than {config.max_rows} rows; the rest was not read", level="warning")
        data: dict[str, Json] = {
            "operation": config.its_operation, "provider": provider, "success": True, "rows": last.rows,
            "rowCount": last.count, "columns": list(last.columns), "truncated": last.truncated,
            "metadata": {"queryTime": node.now_ms() - began},
        }  # fmt: skip
        if config.statements is not None:
            data["results"] = [{"rows": rows.rows, "rowCount": rows.count} for rows in found]
        if config.its_operation == "listTables":
            data["tables"] = [row["name"] for row in last.rows]
        return NodeResult(data=data)


async def _address(config: DatabaseConfig, node: NodeInput) -> DatabaseAddress:
    """Where the database is: the operator's connection of that name, the workspace's, or the node's own."""
    name = (config.provider or "").strip().lower()
    provider = NAMES_OF_PROVIDERS.get(name) if name else None
    if name and provider is None:
        raise FlowrayError(
            ErrorCode.NOT_IMPLEMENTED, f"the database provider {config.provider!r} is not supported",
            details={"provider": config.provider},
            hint="postgresql, mysql and sqlite are; others can be asked over HTTP or through an MCP server",
        )  # fmt: skip
    databases = node.services.databases
    if config.connection_id:
        address = databases.named(config.connection_id) or await _stored(config.connection_id, node)
    elif config.connection_string:
        address = DatabaseAddress(config.connection_string)
        node.hide([config.connection_string])
    elif config.host or config.database:
        node.hide([config.password] if config.password else [])
        return DatabaseAddress(_own_url(config, provider))
    else:
        found = (databases.named(known) for known in (provider or "", name, DEFAULT_CONNECTION))
        first = next((address for address in found if address is not None), None)
        address = first or await _stored(DEFAULT_CONNECTION, node)
    if provider is not None and databases.dialect(address) != provider:
        spoken = databases.dialect(address)
        raise wrong(f"the node is for {provider}, its connection for {spoken}", "leave out provider, or change one")
    return address


async def _stored(name: str, node: NodeInput) -> DatabaseAddress:
    connection = await node.connection(name)
    if connection.kind is not ConnectionKind.DATABASE:
        raise wrong(f"the connection {name!r} is for {connection.kind.value}, not for a database")
    return DatabaseAddress(connection.secret("url"))


def _own_url(config: DatabaseConfig, provider: str | None) -> str:
    if provider is None:
        raise wrong("a connection of the node's own needs a provider: postgresql, mysql or sqlite")
    if provider == "sqlite":
        return f"sqlite:///{config.database or ':memory:'}"
    if not config.host:
        raise wrong("a connection of the node's own needs a host")
    user = quote(config.username or "", safe="")
    login = f"{user}:{quote(config.password, safe='')}@" if config.password else f"{user}@" if user else ""
    host = f"[{config.host}]" if ":" in config.host else quote(config.host, safe="[]")
    options = "?" + urlencode({"sslmode": "require"}) if config.ssl and provider == "postgresql" else ""
    return (
        f"{provider}://{login}{host}:{config.port or _PORTS[provider]}/{quote(config.database or '', safe='')}{options}"
    )


def _statements(config: DatabaseConfig, node: NodeInput, dialect: Dialect) -> list[Statement]:
    if config.statements is not None:
        if not config.statements:
            raise wrong("statements is empty")
        return [
            _written(part.get("query"), fill(part.get("parameters"), node), config, node, dialect)
            for part in config.statements
        ]
    if config.query is None and config.its_operation not in ("query", "execute"):
        return [built(config, dialect)]
    # As the author wrote it: where SQL lies inside of parameters, its templates have been filled with the others.
    return [_written(_raw_query(node), config.parameters, config, node, dialect)]


def _raw_query(node: NodeInput) -> Any:
    return canonical(node.raw_config).get("query")


def _written(query: Any, parameters: Any, config: DatabaseConfig, node: NodeInput, dialect: Dialect) -> Statement:
    if not isinstance(query, str) or not query.strip():
        raise wrong(f"{config.its_operation} needs SQL: query")
    given: Parameters = _parameters(parameters)

    def filled(hole: Placeholder) -> Json:
        if hole.node is None:
            raise wrong(f"{hole.source} in the SQL is no reference: {hole.reason}")
        value = evaluate(hole.node, node.names)
        return None if value is MISSING else whole(value)

    parts = split(query, parse_expression, dollar=node.fill_options.dollar)
    return Statement(bind(parts, given, filled, dialect), config.max_rows)


def _parameters(given: Any) -> Parameters:
    if given is None:
        return []
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, list):
        return given
    raise wrong("parameters must be a list, or an object by name")
