"""Databases by SQLAlchemy: pooled engines, statements in threads, interrupted when their time is up. Writes no SQL."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import StaticPool

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.databases import (
    NAMES_OF_PROVIDERS,
    Bound,
    DatabaseAddress,
    Dialect,
    Name,
    Rows,
    Statement,
)
from flowray.handlers.extras import load_extra
from flowray.handlers.providers.aiohttp_transport import check_public
from flowray.handlers.providers.sql_values import as_rows, distinct, parameter

MOST_ENGINES = 32
"""Databases whose connections are kept; the one used longest ago makes room."""

CONNECT_TIMEOUT_S = 10
POOL_SIZE = 5

_DRIVERS: dict[Dialect, str] = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "sqlite": "sqlite"}
_AGAIN = frozenset({"40001", "40P01", "55P03", "53300", "57P03"})
"""PostgreSQL: serialization failure, deadlock, lock not available, too many connections, starting up."""

_CANCELLED = "57014"
_ATTACHING = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})

T = TypeVar("T")


class SqlDatabases:
    """``connections``: the operator's, URLs by name. ``allow_private``: authors may name hosts of the private network.

    An author's own SQLite file is refused: a path is a file of the server.
    """

    def __init__(self, connections: Mapping[str, str] | None = None, *, allow_private: bool = False) -> None:
        self._connections = dict(connections or {})
        self._allow_private = allow_private
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def named(self, name: str) -> DatabaseAddress | None:
        """As Databases says."""
        url = self._connections.get(name)
        return None if url is None else DatabaseAddress(url, trusted=True)

    def dialect(self, address: DatabaseAddress) -> Dialect:
        """As Databases says."""
        return _dialect(_parsed(address.url))

    async def run(self, address: DatabaseAddress, statements: Sequence[Statement], timeout_ms: int) -> list[Rows]:
        """As Databases says."""

        def work(connection: Connection) -> list[Rows]:
            return [_execute(connection, statement) for statement in statements]

        return await self._in_transaction(address, work, timeout_ms)

    async def tables(self, address: DatabaseAddress, schema: str | None, timeout_ms: int) -> list[str]:
        """As Databases says."""

        def work(connection: Connection) -> list[str]:
            found = inspect(connection)
            return sorted([*found.get_table_names(schema), *found.get_view_names(schema)])

        return await self._in_transaction(address, work, timeout_ms)

    async def _in_transaction(self, address: DatabaseAddress, work: Callable[[Connection], T], timeout_ms: int) -> T:
        running = _Running()
        future = asyncio.ensure_future(asyncio.to_thread(self._work, address, work, running))
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await asyncio.shield(future)
        except TimeoutError as error:
            await _interrupted(future, running)
            raise FlowrayError(
                ErrorCode.PROVIDER_TIMEOUT,
                f"the database did not answer within {timeout_ms} ms; what was begun is rolled back",
                details={"timeout_ms": timeout_ms},
                retryable=True,
                hint="make the statement do less, or raise the node's timeoutMs",
            ) from error
        except asyncio.CancelledError:
            await _interrupted(future, running)
            raise

    def _work(self, address: DatabaseAddress, work: Callable[[Connection], T], running: _Running) -> T:
        url = _parsed(address.url)
        dialect = _dialect(url)
        try:
            with self._engine(address, url, dialect).begin() as connection:
                running.begin(connection.connection.dbapi_connection, dialect)
                try:
                    return work(connection)
                finally:
                    running.end()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _failure(error, url) from error

    def _engine(self, address: DatabaseAddress, url: URL, dialect: Dialect) -> Engine:
        if not address.trusted:
            self._check(url, dialect)
        key = url.render_as_string(hide_password=False)
        with self._lock:
            engine = self._engines.pop(key, None) or _open(url, dialect)
            self._engines[key] = engine
            while len(self._engines) > MOST_ENGINES:
                self._engines.popitem(last=False)[1].dispose()
        return engine

    def _check(self, url: URL, dialect: Dialect) -> None:
        """Raises FORBIDDEN for what an author may not reach."""
        if dialect == "sqlite":
            if url.database in (None, "", ":memory:"):
                return
            raise FlowrayError(
                ErrorCode.FORBIDDEN,
                "a node may not name a SQLite file of the server",
                hint="who runs the server names it: FLOWRAY_DATABASE_CONNECTIONS",
            )
        if self._allow_private:
            # A socket of this machine is as private as its loopback address.
            if set(url.query) - {"sslmode", "host", "port"}:
                raise FlowrayError(ErrorCode.FORBIDDEN, "a node may set no option of the driver but sslmode")
        else:
            host = url.host or ""
            if not host or host.startswith("/") or "," in host or set(url.query) - {"sslmode"}:
                raise FlowrayError(ErrorCode.FORBIDDEN, "a node names one host, and no options of the driver")
            try:
                found = socket.getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
            except OSError as error:
                raise _unreachable(url, f"{host} is not known: {error}") from error
            check_public(host, [str(item[4][0]) for item in found])

    async def aclose(self) -> None:
        """Close all connections. Safe to repeat."""
        with self._lock:
            engines, self._engines = list(self._engines.values()), OrderedDict()
        for engine in engines:
            await asyncio.to_thread(engine.dispose)


SQLITE_STEPS = 10_000
"""Instructions of SQLite between two looks at whether somebody still waits: about a millisecond."""


class _Running:
    """The connection that a thread works with, so that another can interrupt it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interrupt: Callable[[], object] | None = None
        self._over = False
        self._forget: Callable[[], object] = lambda: None

    def begin(self, connection: Any, dialect: Dialect) -> None:
        """Raises TimeoutError if it is too late already."""
        with self._lock:
            if self._over:
                raise TimeoutError("interrupted before it began")
            self._interrupt = _interrupt_of(connection, dialect)
        if dialect == "sqlite":
            # An interrupt that comes before the statement begins is heard by nobody: SQLite asks as it works, too.
            connection.set_progress_handler(lambda: self._over, SQLITE_STEPS)
            self._forget = partial(connection.set_progress_handler, None, 0)

    def end(self) -> None:
        with self._lock:
            self._interrupt = None
        self._forget()

    def interrupt(self) -> None:
        """Whoever works fails soon. Safe to repeat, and when nobody works."""
        with self._lock:
            self._over = True
            if self._interrupt is not None:
                with contextlib.suppress(Exception):
                    self._interrupt()


def _interrupt_of(connection: Any, dialect: Dialect) -> Callable[[], object]:
    if dialect == "sqlite":
        return connection.interrupt  # type: ignore[no-any-return]
    if dialect == "postgresql":
        return connection.cancel  # type: ignore[no-any-return]
    return connection._force_close  # type: ignore[no-any-return]  # MySQL: its protocol has no way to cancel


_LET_GO_S = 5.0
_AGAIN_S = 0.05
"""A word that came between two statements, or before the first, is said again."""


async def _interrupted(future: asyncio.Future[Any], running: _Running) -> None:
    """The thread has given its connection back when this returns, or is left to end by itself."""
    until = asyncio.get_running_loop().time() + _LET_GO_S
    while not future.done() and asyncio.get_running_loop().time() < until:
        running.interrupt()
        await asyncio.wait((future,), timeout=_AGAIN_S)
    if future.done() and not future.cancelled():
        future.exception()  # looked at, so that asyncio does not report it as lost


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # Not the URL itself: it may hold a password.
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, "the database's URL cannot be read") from error


def _dialect(url: URL) -> Dialect:
    name = url.get_backend_name()
    found = NAMES_OF_PROVIDERS.get(name)
    if found is None:
        raise unsupported(name)
    return found


def unsupported(provider: str) -> FlowrayError:
    """NOT_IMPLEMENTED, for a database that is not spoken to."""
    return FlowrayError(
        ErrorCode.NOT_IMPLEMENTED,
        f"the database provider {provider!r} is not supported",
        details={"provider": provider},
        hint="postgresql, mysql and sqlite are; others can be asked over HTTP or through an MCP server",
    )


def _open(url: URL, dialect: Dialect) -> Engine:
    url = url.set(drivername=_DRIVERS[dialect])
    if dialect == "sqlite":
        shared: dict[str, Any] = {"poolclass": StaticPool} if url.database in (None, "", ":memory:") else {}
        engine = create_engine(url, hide_parameters=True, connect_args={"check_same_thread": False}, **shared)
        event.listen(engine, "connect", _no_other_files)
        return engine
    if dialect == "mysql":
        load_extra("pymysql", "mysql")
    return create_engine(
        url, hide_parameters=True, pool_size=POOL_SIZE, max_overflow=POOL_SIZE, pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=True, pool_recycle=300, connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )  # fmt: skip


def _no_other_files(connection: sqlite3.Connection, record: object) -> None:
    """A statement reaches its own file only: no ATTACH, and with it no VACUUM INTO."""
    connection.set_authorizer(lambda action, *rest: sqlite3.SQLITE_DENY if action in _ATTACHING else sqlite3.SQLITE_OK)


def _execute(connection: Connection, statement: Statement) -> Rows:
    text, values = _rendered(connection, statement)
    # Without values the text goes as it is: no driver looks for placeholders, or for % signs, in it.
    result = connection.exec_driver_sql(text, tuple(values)) if values else connection.exec_driver_sql(text)
    if not result.returns_rows:
        return Rows(count=max(result.rowcount, 0))
    columns = distinct(result.keys())
    found = result.fetchmany(statement.most_rows + 1)
    rows = as_rows(columns, found[: statement.most_rows])
    result.close()
    return Rows(rows, columns, len(rows), len(found) > statement.most_rows)


def _rendered(connection: Connection, statement: Statement) -> tuple[str, list[Any]]:
    """The text with the driver's placeholders, and the values in their order."""
    engine_dialect = connection.dialect
    dialect = NAMES_OF_PROVIDERS[engine_dialect.name]
    mark = "?" if engine_dialect.paramstyle == "qmark" else "%s"
    binds = any(isinstance(part, Bound) for part in statement.parts)
    pieces: list[str] = []
    values: list[Any] = []
    for part in statement.parts:
        if isinstance(part, Bound):
            pieces.append(mark)
            values.append(parameter(part.value, dialect))
        else:
            text = engine_dialect.identifier_preparer.quote(part.name) if isinstance(part, Name) else part
            pieces.append(text.replace("%", "%%") if binds and mark == "%s" else text)
    return "".join(pieces), values


def _unreachable(url: URL, message: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.PROVIDER_UNREACHABLE, message, details={"host": url.host or url.database}, retryable=True
    )


def _failure(error: Exception, url: URL) -> FlowrayError:
    """What a driver says, as a coded error without the values that were bound."""
    if isinstance(error, PoolTimeoutError):
        return _unreachable(url, f"no connection became free within {CONNECT_TIMEOUT_S} s")
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    message = " ".join(str(original).split())[:1_000]
    if url.password:
        message = message.replace(str(url.password), "***")
    state = str(getattr(original, "sqlstate", None) or "")
    details = {"sqlstate": state} if state else {}
    if state[:2] == "28" or _mysql_code(original) in (1044, 1045):
        return FlowrayError(ErrorCode.PROVIDER_AUTH, f"the database refuses the login: {message}", details=details)
    if state in _AGAIN or "database is locked" in message or _mysql_code(original) in (1205, 1213):
        return FlowrayError(ErrorCode.PROVIDER_ERROR, f"database: {message}", details=details, retryable=True)
    if state == _CANCELLED:
        return FlowrayError(ErrorCode.PROVIDER_TIMEOUT, f"database: {message}", details=details, retryable=True)
    lost = isinstance(error, InterfaceError) or (isinstance(error, OperationalError) and not state)
    if lost and url.get_backend_name() != "sqlite" and _mysql_code(original) not in range(1000, 2000):
        return _unreachable(url, f"cannot reach the database: {message}")
    return FlowrayError(ErrorCode.PROVIDER_REJECTED, f"database: {message}", details=details)


def _mysql_code(error: object) -> int:
    arguments = getattr(error, "args", ())
    code = arguments[0] if arguments else None
    return code if type(error).__module__.startswith("pymysql") and isinstance(code, int) else 0
