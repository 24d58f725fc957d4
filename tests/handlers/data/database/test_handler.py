"""The database node: operations, spellings, where its connection comes from, effects. On SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowray.definition.node_type import Effects
from flowray.engine.stimuli import NodeLogged
from flowray.errors import ErrorCode
from flowray.handlers.connections import Connection, ConnectionKind, connection_not_found
from flowray.handlers.data.database.handler import DatabaseHandler
from flowray.handlers.providers.sql_databases import SqlDatabases
from flowray.handlers.services import Services
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output

EVIL = "'; DROP TABLE users; --"
CREATE = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, data TEXT, price NUMERIC)"


class _Connections:
    """Those of a workspace."""

    async def get(self, workspace_id: str, name: str) -> Connection:
        if name == "stored":
            return Connection(name, ConnectionKind.DATABASE, secrets={"url": "sqlite://"})
        if name == "mail":
            return Connection(name, ConnectionKind.BASIC)
        raise connection_not_found(name)


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    databases = SqlDatabases({"default": f"sqlite:///{tmp_path / 'main.db'}"}, allow_private=True)
    made = fake_services(databases=databases, connections=_Connections())
    await output("database", {"query": CREATE}, services=made)
    rows = [{"id": 1, "name": "Ann", "price": 2.5}, {"id": 2, "name": "O'Neil"}, {"id": 3, "name": EVIL}]
    await output("database", {"operation": "insert", "table": "users", "values": rows}, services=made)
    yield made
    await databases.aclose()


async def names(services: Services, config: dict[str, Any], **task: Any) -> list[Any]:
    found = await output("database", config, services=services, **task)
    return [row["name"] for row in found["rows"]]


async def test_the_output(services: Services) -> None:
    found = await output("database", {"query": "SELECT id, price FROM users WHERE id = 1"}, services=services)
    assert found.pop("metadata")["queryTime"] >= 0
    assert found == {
        "operation": "query", "provider": "sqlite", "success": True, "rows": [{"id": 1, "price": 2.5}], "rowCount": 1,
        "columns": ["id", "price"], "truncated": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        {"operation": "query", "query": "SELECT name FROM users WHERE name = $1", "parameters": ["{{who}}"]},
        {"query": "SELECT name FROM users WHERE name = ?", "parameters": ["{{who}}"]},
        {"sql": "SELECT name FROM users WHERE name = :who", "params": {"who": "{{who}}"}},
        {"query": "SELECT name FROM users WHERE name = {{who}}"},
        {"query": "SELECT name FROM users WHERE name = '{{who}}'"},
        {"parameters": {"query": "SELECT name FROM users WHERE name = $1", "values": ["{{who}}"]}},
        {"parameters": {"query": "SELECT name FROM users WHERE name = '{{who}}'"}},
        {"operation": "select", "table": "users", "columns": ["name"], "where": {"name": "{{who}}"}},
        {"operation": "find", "parameters": {"table": "users", "where": {"name": ["{{who}}"]}}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("who", ["Ann", "O'Neil", EVIL])
async def test_whatever_the_spelling_values_are_bound(services: Services, config: dict[str, Any], who: str) -> None:
    assert await names(services, config, inputs={"who": who}) == [who]
    assert len(await names(services, {"query": "SELECT name FROM users"})) == 3


async def test_insert_update_delete(services: Services) -> None:
    insert = {
        "provider": "sqlite", "operation": "insert", "returning": ["id", "name"],
        "parameters": {"table": "users", "values": {"name": "{{who}}", "data": {"k": [1]}}},
    }  # fmt: skip
    found = await output("database", insert, services=services, inputs={"who": EVIL})
    assert found["rows"] == [{"id": 4, "name": EVIL}]
    update = {"operation": "update", "table": "users", "data": {"price": 7}, "where": {"id": {">=": 2, "<": 4}}}
    assert (await output("database", update, services=services))["rowCount"] == 2
    select = {
        "table": "users",
        "columns": ["id", "data"],
        "orderBy": ["-id"],
        "limit": 1,
        "offset": 0,
        "where": {"price": None},
    }
    assert (await output("database", select, services=services))["rows"] == [{"id": 4, "data": '{"k":[1]}'}]
    delete = {"operation": "delete", "table": "users", "where": {"name": {"like": "O%"}}}
    assert (await output("database", delete, services=services))["rowCount"] == 1
    everything = {"operation": "delete", "table": "users", "allRows": True}
    assert (await output("database", everything, services=services))["rowCount"] == 3


async def test_names_are_quoted(services: Services) -> None:
    for name in ('users" WHERE 1=1; --', "users; DROP TABLE users"):
        error = await fail("database", {"table": name}, services=services)
        assert (error.code, "no such table" in error.message) == (ErrorCode.PROVIDER_REJECTED, True)
    # To SQLite a quoted name that no column has is a text.
    await output("database", {"table": "users", "columns": ["name FROM users; DROP TABLE users"]}, services=services)
    assert len(await names(services, {"query": "SELECT name FROM users"})) == 3


async def test_several_statements_are_one_transaction(services: Services) -> None:
    add = {"query": "INSERT INTO users (name) VALUES (?)", "parameters": ["{{who}}"]}
    count = {"query": "SELECT count(*) AS n FROM users"}
    both = await output("database", {"statements": [add, count]}, services=services, inputs={"who": "Zoe"})
    assert (both["rows"], both["results"]) == (
        [{"n": 4}],
        [{"rows": [], "rowCount": 1}, {"rows": [{"n": 4}], "rowCount": 1}],
    )
    await fail("database", {"statements": [add, {"query": "SELECT gone"}]}, services=services)
    assert (await output("database", count, services=services))["rows"] == [{"n": 4}]


async def test_tables(services: Services) -> None:
    found = await output("database", {"operation": "listTables"}, services=services)
    assert (found["tables"], found["rows"]) == (["users"], [{"name": "users"}])


async def test_more_rows_than_are_read_are_told_of(services: Services) -> None:
    said: list[Any] = []
    config = {"query": "SELECT id FROM users", "maxRows": 2}
    found = await output("database", config, services=services, emitted=said)
    assert (found["rowCount"], found["truncated"]) == (2, True)
    assert any("more than 2 rows" in event.message for event in said if isinstance(event, NodeLogged))


async def test_where_the_connection_comes_from(services: Services) -> None:
    own = {"connectionString": "sqlite://"}, {"provider": "sqlite", "database": ":memory:"}
    for config in ({"connectionId": "stored"}, {"connection": "stored"}, *own):
        found = await output("database", {**config, "query": "SELECT 1 AS a"}, services=services)
        assert found["rows"] == [{"a": 1}]
    by_provider = fake_services(databases=SqlDatabases({"sqlite": "sqlite://"}))
    assert (await output("database", {"provider": "sqlite", "query": "SELECT 2 AS a"}, services=by_provider))[
        "rowCount"
    ]


@pytest.mark.parametrize(
    ("config", "code", "message"),
    [
        ({}, ErrorCode.INVALID_NODE_CONFIG, "needs SQL"),
        ({"operation": "insert"}, ErrorCode.INVALID_NODE_CONFIG, "needs a table"),
        ({"operation": "insert", "table": "users"}, ErrorCode.INVALID_NODE_CONFIG, "needs values"),
        ({"operation": "update", "table": "users", "where": {"id": 1}}, ErrorCode.INVALID_NODE_CONFIG, "needs values"),
        ({"operation": "delete", "table": "users"}, ErrorCode.INVALID_NODE_CONFIG, "would change every row"),
        ({"operation": "delete", "table": "users", "where": "id = 1"}, ErrorCode.INVALID_NODE_CONFIG, "an object"),
        ({"table": "users", "where": {"id": {"~": 1}}}, ErrorCode.INVALID_NODE_CONFIG, "unknown comparison"),
        ({"table": "us%rs"}, ErrorCode.INVALID_NODE_CONFIG, "is no name"),
        ({"statements": []}, ErrorCode.INVALID_NODE_CONFIG, "is empty"),
        ({"query": "SELECT $1", "parameters": "x"}, ErrorCode.INVALID_NODE_CONFIG, "parameters must be"),
        ({"query": "SELECT {{a b}}"}, ErrorCode.INVALID_NODE_CONFIG, "is no reference"),
        ({"operation": "explode"}, ErrorCode.INVALID_NODE_CONFIG, "operation"),
        ({"query": "SELEC 1"}, ErrorCode.PROVIDER_REJECTED, "syntax error"),
        ({"provider": "mongodb", "operation": "aggregate"}, ErrorCode.NOT_IMPLEMENTED, "'mongodb' is not supported"),
        ({"provider": "postgresql", "query": "SELECT 1"}, ErrorCode.INVALID_NODE_CONFIG, "its connection for sqlite"),
        ({"connectionId": "gone", "query": "SELECT 1"}, ErrorCode.CONNECTION_NOT_FOUND, "gone"),
        ({"connectionId": "mail", "query": "SELECT 1"}, ErrorCode.INVALID_NODE_CONFIG, "not for a database"),
        ({"host": "h", "query": "SELECT 1"}, ErrorCode.INVALID_NODE_CONFIG, "needs a provider"),
        ({"provider": "mysql", "database": "d", "query": "SELECT 1"}, ErrorCode.INVALID_NODE_CONFIG, "needs a host"),
        ({"provider": "sqlite", "database": "/etc/x", "query": "SELECT 1"}, ErrorCode.FORBIDDEN, "SQLite file"),
    ],
)  # fmt: skip
async def test_errors(services: Services, config: dict[str, Any], code: ErrorCode, message: str) -> None:
    error = await fail("database", config, services=services)
    assert error.code == code
    assert message in error.message


async def test_a_password_is_in_no_error(services: Services) -> None:
    config = {
        "provider": "postgres",
        "host": "127.0.0.1",
        "port": 1,
        "user": "u",
        "password": "s3kret!/x",
        "query": "SELECT 1",
    }
    error = await fail("database", config, services=services)
    assert (error.code, error.retryable) == (ErrorCode.PROVIDER_UNREACHABLE, True)
    assert "s3kret" not in str(error)


@pytest.mark.parametrize(
    ("config", "effects"),
    [
        ({"operation": "select", "table": "t"}, Effects.READ), ({"query": "SELECT 1"}, Effects.READ),
        ({"operation": "listTables"}, Effects.READ), ({"query": "DELETE FROM t"}, Effects.WRITE),
        ({"operation": "select", "query": "SELECT 1; DELETE FROM t"}, Effects.WRITE),
        ({"parameters": {"query": "INSERT INTO t VALUES (1)"}}, Effects.WRITE),
        ({"operation": "insert"}, Effects.WRITE),
        ({"operation": "execute", "query": "SELECT f()"}, Effects.WRITE), ({"statements": []}, Effects.WRITE),
    ],
)  # fmt: skip
def test_r24_effects_hang_on_the_operation(config: dict[str, Any], effects: Effects) -> None:
    assert DatabaseHandler.node_type.effects_with(config) is effects


def test_the_output_variable_of_a_select_means_its_rows() -> None:
    assert DatabaseHandler.node_type.value_key_with({"operation": "select"}) == "rows"
    assert DatabaseHandler.node_type.value_key_with({"operation": "query"}) is None
