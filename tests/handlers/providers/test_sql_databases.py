"""Databases by SQLAlchemy on SQLite, and what authors may not reach. PostgreSQL is the contract's of ``database``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from flowray.errors import FlowrayError
from flowray.handlers.databases import Bound, DatabaseAddress, Name, NoDatabases, Statement
from flowray.handlers.providers import sql_databases
from flowray.handlers.providers.sql_databases import SqlDatabases

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[SqlDatabases]:
    made = SqlDatabases({"main": f"sqlite:///{tmp_path / 'main.db'}"}, allow_private=True)
    await made.run(_main(made), [Statement(["CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)"])], 60_000)
    yield made
    await made.aclose()
    await made.aclose()


def _main(databases: SqlDatabases) -> DatabaseAddress:
    address = databases.named("main")
    assert address is not None
    return address


async def failing(
    databases: SqlDatabases, address: DatabaseAddress, sql: str, timeout_ms: int = 60_000
) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        await databases.run(address, [Statement([sql])], timeout_ms)
    return caught.value


async def test_rows_counts_and_names(databases: SqlDatabases) -> None:
    main = _main(databases)
    inserted = await databases.run(main, [Statement(["INSERT INTO t (a) VALUES (", Bound("x%y"), ")"])], 60_000)
    assert (inserted[0].count, inserted[0].rows) == (1, [])
    (found,) = await databases.run(main, [Statement(["SELECT ", Name("a"), " FROM t WHERE a LIKE '%'"])], 60_000)
    assert (found.rows, found.columns, found.count, found.truncated) == ([{"a": "x%y"}], ["a"], 1, False)
    assert await databases.tables(main, None, 60_000) == ["t"]


async def test_a_limit_of_rows(databases: SqlDatabases) -> None:
    (found,) = await databases.run(_main(databases), [Statement(["SELECT 1 AS a UNION SELECT 2"], 1)], 60_000)
    assert (found.rows, found.truncated) == ([{"a": 1}], True)


async def test_all_or_nothing(databases: SqlDatabases) -> None:
    main = _main(databases)
    twice = [Statement(["INSERT INTO t (a) VALUES ('x')"])] * 2
    with pytest.raises(FlowrayError) as caught:
        await databases.run(main, twice, 60_000)
    assert (caught.value.code, caught.value.retryable) == ("PROVIDER_REJECTED", False)
    (found,) = await databases.run(main, [Statement(["SELECT * FROM t"])], 60_000)
    assert found.rows == []


async def test_what_takes_too_long_is_interrupted(databases: SqlDatabases) -> None:
    error = await failing(databases, _main(databases), ENDLESS, 100)
    assert (error.code, error.retryable) == ("PROVIDER_TIMEOUT", True)
    await databases.run(_main(databases), [Statement(["INSERT INTO t (a) VALUES ('after')"])], 60_000)


async def test_what_is_cancelled_is_interrupted(databases: SqlDatabases) -> None:
    running = asyncio.create_task(databases.run(_main(databases), [Statement([ENDLESS])], 60_000))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await databases.run(_main(databases), [Statement(["INSERT INTO t (a) VALUES ('after')"])], 60_000)


@pytest.mark.parametrize("sql", ["ATTACH DATABASE '{}' AS other", "VACUUM INTO '{}'"])
async def test_a_statement_reaches_no_other_file(databases: SqlDatabases, sql: str, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    assert (await failing(databases, _main(databases), sql.format(other))).code == "PROVIDER_REJECTED"
    assert not other.exists()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("sqlite:////etc/x.db", "FORBIDDEN"), ("postgresql://u@/x?host=/tmp", "FORBIDDEN"),
        ("postgresql://u@a,b/x", "FORBIDDEN"), ("postgresql://u@127.0.0.1/x", "FORBIDDEN"),
        ("postgresql://u@[::1]/x", "FORBIDDEN"), ("postgresql://u@169.254.169.254/x", "FORBIDDEN"),
        ("mysql://u@10.0.0.1/x?read_default_file=/etc/passwd", "FORBIDDEN"),
        ("mongodb://h/x", "NOT_IMPLEMENTED"), ("what is this", "INVALID_NODE_CONFIG"),
    ],
)  # fmt: skip
async def test_what_authors_may_not_reach(url: str, code: str) -> None:
    guarded = SqlDatabases()
    assert (await failing(guarded, DatabaseAddress(url), "SELECT 1")).code == code


async def test_a_database_of_the_nodes_own() -> None:
    databases = SqlDatabases()
    (found,) = await databases.run(DatabaseAddress("sqlite://"), [Statement(["SELECT ", Bound(1), " AS a"])], 60_000)
    assert found.rows == [{"a": 1}]
    await databases.aclose()


async def test_nobody_there(databases: SqlDatabases) -> None:
    error = await failing(databases, DatabaseAddress("postgresql://u:sekret@127.0.0.1:1/x"), "SELECT 1")
    assert (error.code, error.retryable) == ("PROVIDER_UNREACHABLE", True)
    assert "sekret" not in str(error) + repr(error.details)


async def test_connections_used_longest_ago_make_room(
    databases: SqlDatabases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_databases, "MOST_ENGINES", 2)
    for number in range(5):
        address = DatabaseAddress(f"sqlite:///{tmp_path / f'{number}.db'}", trusted=True)
        await databases.run(address, [Statement(["SELECT 1"])], 60_000)
    assert len(databases._engines) == 2


async def test_a_lane_without_databases() -> None:
    none = NoDatabases()
    assert none.named("x") is None
    with pytest.raises(FlowrayError, match="no databases"):
        await none.run(DatabaseAddress("sqlite://"), [], 1)
    assert "sqlite" not in repr(DatabaseAddress("sqlite://"))


def test_a_statement_that_begins_after_the_interrupt_ends_too() -> None:
    """SQLite hears an interrupt only while a statement runs: one that came just before it was lost."""
    running = sql_databases._Running()

    def work(connection: Connection) -> None:
        running.interrupt()
        connection.exec_driver_sql(ENDLESS)

    with pytest.raises(FlowrayError, match="interrupted"):
        SqlDatabases()._work(DatabaseAddress("sqlite://"), work, running)


def test_the_next_statement_on_the_same_connection_is_not_interrupted() -> None:
    databases, address = SqlDatabases(), DatabaseAddress("sqlite://")
    over = sql_databases._Running()

    def interrupted(connection: Connection) -> None:
        over.interrupt()
        connection.exec_driver_sql(ENDLESS)

    with pytest.raises(FlowrayError):
        databases._work(address, interrupted, over)

    def counts(connection: Connection) -> int:
        sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000) SELECT count(*) FROM c"
        return int(connection.exec_driver_sql(sql).scalar_one())

    assert databases._work(address, counts, sql_databases._Running()) == 20_000
