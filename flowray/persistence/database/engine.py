"""Engines for SQLite and PostgreSQL, their clock, and what their failures mean. No tables, no queries of flowray's."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import URL, BigInteger, Connection, Engine, create_engine, event, literal_column, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.sql.elements import ColumnElement

from flowray.errors import ErrorCode, FlowrayError

T = TypeVar("T")

WRITES = "flowray_writes"
"""Execution option of connections that write. On SQLite their transactions begin with BEGIN IMMEDIATE: one that began
by reading could never be upgraded after another process had written, however long it waits."""

_SQLITE_UNAVAILABLE = ("BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN", "READONLY", "PROTOCOL", "NOMEM")
_REPEAT_AT_ONCE = frozenset({"40001", "40P01"})  # PostgreSQL: serialization failure, deadlock


class DatabaseOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``synchronous`` (SQLite): FULL survives a loss of power, NORMAL only the death of processes.

    ``pool_size`` bounds the connections of this process; ``busy_timeout_ms`` is how long SQLite waits for a lock.
    """

    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    busy_timeout_ms: int = 5_000
    pool_size: int = 8
    connect_timeout_s: int = 5


def open_database(url: str, options: DatabaseOptions | None = None) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql://…``. Opens no connection yet; safe to share between threads.

    Raises FlowrayError CONFIGURATION for any other URL.
    """
    options = options or DatabaseOptions()
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, options)
    return create_engine(
        parsed,
        pool_size=options.pool_size,
        max_overflow=options.pool_size,
        pool_timeout=options.connect_timeout_s,
        pool_recycle=1_800,
        connect_args={"connect_timeout": options.connect_timeout_s, "application_name": "flowray"},
    )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise _bad_url(f"{url.split('://')[0][:40]!r} is not a database URL") from error
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    if backend == "sqlite":
        raise _bad_url("SQLite in memory cannot be shared between processes")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise _bad_url(f"flowray does not know the database {backend!r}")


def _bad_url(message: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.CONFIGURATION, message, hint="use sqlite:///path/to/file.db or postgresql://user@host/database"
    )


def _open_sqlite(url: URL, options: DatabaseOptions) -> Engine:
    engine = create_engine(
        url,
        pool_size=options.pool_size,
        max_overflow=options.pool_size,
        connect_args={"timeout": options.busy_timeout_ms / 1_000, "check_same_thread": False},
    )

    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # flowray begins transactions itself, see below
        cursor = connection.cursor()
        _use_wal(cursor, options.busy_timeout_ms)
        cursor.execute(f"PRAGMA synchronous={options.synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _use_wal(cursor: sqlite3.Cursor, busy_timeout_ms: int) -> None:
    """The mode is kept in the file, so only the first server ever switches it. SQLite answers "locked" at once, without
    its usual waiting, to whoever switches or looks while another does.
    """
    deadline = time.monotonic() + busy_timeout_ms / 1_000
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def writing(engine: Engine) -> Engine:
    """The same engine (same pool) for connections that write."""
    return engine.execution_options(**{WRITES: True})


def reading(engine: Engine) -> Engine:
    """The same engine (same pool) for single SELECTs: no BEGIN, no COMMIT, and so no round trips for them."""
    return engine.execution_options(isolation_level="AUTOCOMMIT") if is_postgresql(engine) else engine


def is_postgresql(bind: Engine | Connection) -> bool:
    """True for PostgreSQL, False for SQLite."""
    return bind.dialect.name == "postgresql"


def clock_ms(bind: Engine | Connection) -> ColumnElement[int]:
    """The database's clock as an SQL expression: ms since the epoch. Leases and timers know no other (R27)."""
    if is_postgresql(bind):
        # clock_timestamp, since now() is the start of the transaction, which may have waited for locks since.
        return literal_column("CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", BigInteger)
    return literal_column("CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)", BigInteger)


def durability_mode(engine: Engine) -> str:
    """What a commit survives, in words for people, as the database itself reports it."""
    with database_errors("read the durability mode"), reading(engine).connect() as connection:
        if is_postgresql(engine):
            level = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
            survives = "process death only" if level == "off" else "power loss"
            return f"PostgreSQL, synchronous_commit={level}: commits survive {survives}"
        journal = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()).upper()
        level = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}[
            int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
        ]
        survives = "power loss" if level in ("FULL", "EXTRA") else "process death only"
        return f"SQLite, journal_mode={journal}, synchronous={level}: commits survive {survives}"


@contextmanager
def database_errors(action: str) -> Iterator[None]:
    """Translate what drivers raise into FlowrayError, naming ``action``: DATABASE_UNAVAILABLE (retryable) where the
    database is away, locked or full, INTERNAL for the rest. The driver's error stays attached as the cause.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise translate(error, action) from error


def translate(error: SQLAlchemyError, action: str) -> FlowrayError:
    """See ``database_errors``."""
    reason = str(error.orig if isinstance(error, DBAPIError) and error.orig else error).strip().split("\n")[0][:300]
    if is_unavailable(error):
        return FlowrayError(
            ErrorCode.DATABASE_UNAVAILABLE,
            f"could not {action}: {reason}",
            hint="nothing acknowledged is lost; flowray goes on once the database is back",
            retryable=True,
        )
    return FlowrayError(ErrorCode.INTERNAL, f"could not {action}: {reason}")


def is_unavailable(error: SQLAlchemyError) -> bool:
    """True if the database is away, locked or full, rather than the statement wrong."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        name = getattr(error.orig, "sqlite_errorname", "") or ""
        return name.removeprefix("SQLITE_").startswith(_SQLITE_UNAVAILABLE)
    # psycopg: no SQLSTATE means that the connection failed; classes 08, 53, 57, 58 are connection, resources,
    # operator intervention and system errors; 40 asks for a repeat.
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return type(error.orig).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
    return state[:2] in ("08", "40", "53", "57", "58") or state == "55P03"


def repeats_at_once(error: SQLAlchemyError) -> bool:
    """True if the database rolled back only because transactions met, so that the same one may pass at once."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _REPEAT_AT_ONCE


def query(engine: Engine, action: str, read: Callable[[Connection], T]) -> T:
    """Run a read. Repeats once on a new connection if the pooled one turns out to be dead, as after a restart."""
    with database_errors(action):
        try:
            with engine.connect() as connection:
                return read(connection)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        with engine.connect() as connection:
            return read(connection)
