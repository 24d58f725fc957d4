"""The config of a ``database`` node, in all spellings real files use. Does nothing with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind
from flowray.handlers.data.database.placeholders import is_read
from flowray.handlers.databases import NAMES_OF_PROVIDERS
from flowray.handlers.node_config import NodeConfig, rename

Operation = Literal["query", "select", "execute", "insert", "update", "delete", "listTables"]

_OPERATIONS = {
    "query": "query", "sql": "query", "raw": "query", "select": "select", "find": "select", "get": "select",
    "execute": "execute", "insert": "insert", "create": "insert", "update": "update", "delete": "delete",
    "remove": "delete", "listtables": "listTables", "tables": "listTables",
}  # fmt: skip

FIELDS = {
    "query": FieldKind.EXPRESSION, "sql": FieldKind.EXPRESSION, "statement": FieldKind.EXPRESSION,
    "statements": FieldKind.EXPRESSION, "provider": FieldKind.LITERAL, "operation": FieldKind.LITERAL,
}  # fmt: skip
"""How each config field is read (R7). SQL is never filled as text: see placeholders.py."""


def canonical(values: Any) -> Any:
    """The config under the names of the fields below; also of one whose templates are not filled."""
    given = rename(values, parameters=("params", "queryParams"), query=("sql", "statement"))
    if not isinstance(given, dict):
        return given
    inside = given.get("parameters")
    if isinstance(inside, dict) and ("query" in inside or "table" in inside or "sql" in inside):
        del given["parameters"]
        inside = rename(inside, query=("sql",))
        if "query" in inside:
            inside = rename(inside, parameters=("values", "params", "parameters"))
        given = {**inside, **{key: value for key, value in given.items() if value is not None}}
    given = rename(
        given, values=("data", "record", "records", "set", "document"), connectionId=("connection", "connectionName"),
        username=("user",), connectionString=("url", "databaseUrl"), orderBy=("sort",), timeoutMs=("timeout",),
        table=("tableName",), tableSchema=("schema",),
    )  # fmt: skip
    given = {key: value for key, value in given.items() if value is not None}
    operation = given.get("operation")
    if isinstance(operation, str):
        given["operation"] = _OPERATIONS.get(operation.replace("_", "").lower(), operation)
    if str(given.get("provider", "sql")).lower() not in (*NAMES_OF_PROVIDERS, "sql"):
        given.pop("operation", None)  # Whatever it is called there: the handler says what is not spoken to.
    return given


class DatabaseConfig(NodeConfig):
    """One operation on one database. SQL has placeholders, and ``parameters`` the values: they are always bound."""

    provider: str | None = Field(None, description="postgresql, mysql or sqlite; that of the connection if left out.")
    operation: Operation | None = Field(None, description="query if there is SQL. execute: SQL that writes.")
    connection_id: str | None = Field(
        None, description="Name of a connection; without one that of the provider, else 'default'."
    )
    connection_string: str | None = Field(None, description="URL of a connection of the node's own.")
    host: str | None = Field(None, description="Of a connection of the node's own, with port, database and so on.")
    port: int | None = Field(None, gt=0, le=65535)
    database: str | None = None
    username: str | None = None
    password: str | None = Field(None, description="Better a connection, or {{secret.NAME}}.")
    ssl: bool = Field(False, description="Ask for TLS on a connection of the node's own.")
    query: str | None = Field(
        None, description="SQL. $1 and ? by position, :name by name; a template is a bound value too."
    )
    parameters: Any = Field(None, description="Values, a list or an object; or the fields of the operation.")
    statements: list[dict[str, Any]] | None = Field(
        None, description="[{query, parameters}] instead of query: all in one transaction."
    )
    table_schema: str | None = Field(None, description="Of listTables; the database's own if left out.")
    table: str | None = Field(None, description="Of insert, update, delete and select; schema.table is two names.")
    values: Any = Field(None, description="Of insert, an object or a list of them; of update, an object.")
    where: Any = Field(
        None, description="{column: value}; a list is any of them, null is no value, {'>=': 5} another comparison."
    )
    columns: list[str] | None = Field(None, description="Of select; all if left out.")
    order_by: list[str] | str | None = Field(None, description="Columns; -column is descending.")
    returning: list[str] | str | None = Field(None, description="Columns of the changed rows, or *.")
    all_rows: bool = Field(False, description="Lets update and delete run without where.")
    limit: int | None = Field(None, ge=0, description="Rows of a select.")
    offset: int | None = Field(None, ge=0)
    max_rows: int = Field(1_000, gt=0, le=100_000, description="Rows read at most; more are told of as truncated.")
    timeout_ms: int = Field(30_000, gt=0, le=600_000, description="ms for all of it, connecting included.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return canonical(values)

    @property
    def its_operation(self) -> str:
        """What is to be done, where the author leaves it open."""
        return self.operation or ("select" if self.table and self.query is None else "query")


def effects_of(config: Mapping[str, Any]) -> Effects:
    """Reading, for what cannot write (R24)."""
    given = canonical(config)
    operation = given.get("operation")
    if given.get("statements") is not None or operation in ("execute", "insert", "update", "delete"):
        return Effects.WRITE
    if operation == "listTables":
        return Effects.READ
    if given.get("query") is None:
        return Effects.READ if operation == "select" or operation is None else Effects.WRITE
    return Effects.READ if is_read(given["query"]) else Effects.WRITE


def value_key_of(config: Mapping[str, Any]) -> str | None:
    """Whoever asks for rows means them; of a statement, and of what changes rows, its whole result."""
    return "rows" if canonical(config).get("operation") == "select" else None
