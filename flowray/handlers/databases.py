"""Databases of authors as handlers see them: an address, a statement with bound values, rows. Knows no driver.

They are not the database that flowray keeps its executions in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from flowray.errors import ErrorCode, FlowrayError

Dialect = Literal["postgresql", "mysql", "sqlite"]


@dataclass(frozen=True)
class Bound:
    """A value inside a statement. It travels beside the text and never becomes part of it."""

    value: Any


@dataclass(frozen=True)
class Name:
    """A table or column inside a statement: quoted as the database quotes names, whatever is in it."""

    name: str


Part = str | Bound | Name


@dataclass(frozen=True)
class Statement:
    """SQL in pieces: text of the author's config, names and values. ``most_rows`` are read of what it gives."""

    parts: Sequence[Part]
    most_rows: int = 1_000


@dataclass(frozen=True)
class Rows:
    """What a statement gave: rows by column, values as JSON. ``count``: rows read, else rows changed.

    ``truncated``: there were more rows than were read.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    count: int = 0
    truncated: bool = False


@dataclass(frozen=True)
class DatabaseAddress:
    """``url`` may hold a password. ``trusted``: it comes from the operator, not from an author."""

    url: str
    trusted: bool = False

    def __repr__(self) -> str:
        # What is logged by mistake must not hold secrets.
        return f"DatabaseAddress(trusted={self.trusted})"


class Databases(Protocol):
    """Runs statements on databases; keeps the connections that it has opened."""

    def named(self, name: str) -> DatabaseAddress | None:
        """The operator's connection of that name, if there is one."""
        ...

    def dialect(self, address: DatabaseAddress) -> Dialect:
        """Raises NOT_IMPLEMENTED for a database that is not spoken to, INVALID_NODE_CONFIG for what is no URL."""
        ...

    async def run(self, address: DatabaseAddress, statements: Sequence[Statement], timeout_ms: int) -> list[Rows]:
        """All of them, in one transaction. Cancelling interrupts and rolls back.

        Raises FlowrayError PROVIDER_UNREACHABLE, PROVIDER_AUTH, PROVIDER_TIMEOUT, PROVIDER_REJECTED (the statement is
        wrong, or wrong for the data), PROVIDER_ERROR, FORBIDDEN, MISSING_EXTRA, or as ``dialect``.
        """
        ...

    async def tables(self, address: DatabaseAddress, schema: str | None, timeout_ms: int) -> list[str]:
        """Names of the tables and views, sorted. Raises as ``run``."""
        ...


class NoDatabases:
    """Of a lane that was given none."""

    def named(self, name: str) -> DatabaseAddress | None:
        return None

    def dialect(self, address: DatabaseAddress) -> Dialect:
        raise _none()

    async def run(self, address: DatabaseAddress, statements: Sequence[Statement], timeout_ms: int) -> list[Rows]:
        raise _none()

    async def tables(self, address: DatabaseAddress, schema: str | None, timeout_ms: int) -> list[str]:
        raise _none()


def _none() -> FlowrayError:
    return FlowrayError(ErrorCode.CONFIGURATION, "this lane has no databases")


NAMES_OF_PROVIDERS: Mapping[str, Dialect] = {
    "postgresql": "postgresql", "postgres": "postgresql", "pg": "postgresql", "mysql": "mysql", "mariadb": "mysql",
    "sqlite": "sqlite", "sqlite3": "sqlite",
}  # fmt: skip
"""Spellings of real files."""
