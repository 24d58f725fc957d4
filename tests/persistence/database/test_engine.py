"""Engines, clocks, durability, and what drivers' errors mean."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import (
    DatabaseOptions,
    clock_ms,
    database_errors,
    durability_mode,
    is_unavailable,
    open_database,
    query,
    reading,
    repeats_at_once,
    writing,
)


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "oracle://x"])
def test_other_urls_are_refused_with_a_hint(url: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        open_database(url)
    assert caught.value.code == ErrorCode.CONFIGURATION
    assert "postgresql://" in (caught.value.hint or "")


def test_a_password_in_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(FlowrayError) as caught:
        open_database("mysql://user:secret@host/db")
    assert "secret" not in str(caught.value)


def test_r26_sqlite_is_in_wal_mode_with_full_sync(sqlite_url: str) -> None:
    engine = open_database(sqlite_url)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5_000}
    assert durability_mode(engine) == "SQLite, journal_mode=WAL, synchronous=FULL: commits survive power loss"
    engine.dispose()


def test_sqlite_without_full_sync_says_what_it_does_not_survive(sqlite_url: str) -> None:
    engine = open_database(sqlite_url, DatabaseOptions(synchronous="NORMAL"))
    assert durability_mode(engine) == "SQLite, journal_mode=WAL, synchronous=NORMAL: commits survive process death only"
    engine.dispose()


@pytest.mark.postgres
def test_postgresql_reports_its_mode(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    assert durability_mode(engine) == "PostgreSQL, synchronous_commit=on: commits survive power loss"
    engine.dispose()


def test_r27_the_databases_clock_counts_ms_since_1970(database_url: str) -> None:
    engine = open_database(database_url)
    with reading(engine).connect() as connection:
        first = connection.execute(select(clock_ms(engine))).scalar_one()
        second = connection.execute(select(clock_ms(engine))).scalar_one()
    assert isinstance(first, int)
    assert abs(first - time.time() * 1_000) < 30_000
    assert second >= first - 1
    engine.dispose()


def test_a_locked_sqlite_file_is_unavailable_not_broken(sqlite_url: str) -> None:
    holder = open_database(sqlite_url)
    other = open_database(sqlite_url, DatabaseOptions(busy_timeout_ms=1))
    with (
        writing(holder).begin(),
        pytest.raises(FlowrayError) as caught,
        database_errors("commit"),
        writing(other).begin(),
    ):
        pass
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.DATABASE_UNAVAILABLE, True)
    assert "could not commit: database is locked" in caught.value.message
    holder.dispose()
    other.dispose()


def test_a_full_disk_is_unavailable(sqlite_url: str) -> None:
    engine = open_database(sqlite_url)
    with writing(engine).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x BLOB)")
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        with pytest.raises(FlowrayError) as caught, database_errors("commit"):
            connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")
    assert caught.value.code == ErrorCode.DATABASE_UNAVAILABLE
    assert "full" in caught.value.message
    engine.dispose()


def test_a_path_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(FlowrayError) as caught:
        durability_mode(open_database(f"sqlite:///{tmp_path / 'no such folder' / 'x.db'}"))
    assert caught.value.code == ErrorCode.DATABASE_UNAVAILABLE


def test_a_postgresql_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(FlowrayError) as caught:
        durability_mode(open_database(f"postgresql://user:secret@/db?host={tmp_path}"))
    assert caught.value.code == ErrorCode.DATABASE_UNAVAILABLE
    assert "secret" not in str(caught.value)


def test_a_wrong_statement_is_a_bug_of_ours_not_the_databases(database_url: str) -> None:
    engine = open_database(database_url)
    with pytest.raises(FlowrayError) as caught:
        query(engine, "read nothing", lambda connection: connection.execute(text("SELECT * FROM nowhere")).all())
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.INTERNAL, False)
    assert caught.value.message.startswith("could not read nothing: ")
    engine.dispose()


def wrapped(error: Exception) -> DBAPIError:
    return OperationalError("statement", {}, error)


@pytest.mark.parametrize(
    ("error", "unavailable", "at_once"),
    [
        (psycopg.errors.DeadlockDetected(), True, True),
        (psycopg.errors.SerializationFailure(), True, True),
        (psycopg.errors.AdminShutdown(), True, False),
        (psycopg.errors.DiskFull(), True, False),
        (psycopg.errors.TooManyConnections(), True, False),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True, False),
        (psycopg.errors.UniqueViolation(), False, False),
        (psycopg.errors.UndefinedTable(), False, False),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL"), False, False),
        (sqlite3.OperationalError("no error name: not from the library"), False, False),
    ],
)
def test_which_errors_mean_that_the_database_is_away(error: Exception, unavailable: bool, at_once: bool) -> None:
    assert (is_unavailable(wrapped(error)), repeats_at_once(wrapped(error))) == (unavailable, at_once)


@pytest.mark.postgres
def test_a_read_repeats_once_when_the_pooled_connection_is_dead(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    killer = open_database(postgres_url)
    pid = query(engine, "read", lambda connection: connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    query(killer, "end", lambda connection: connection.execute(text(f"SELECT pg_terminate_backend({pid})")).scalar())
    again = query(engine, "read", lambda connection: connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    assert again != pid
    engine.dispose()
    killer.dispose()
